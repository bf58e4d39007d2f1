#include "http/frames.h"

#define BEAT_BYTES 8 /* "3", "2probe" and the like are libraries talking to each other */

/* How many bytes a frame's head has, by its second byte. */
static unsigned head_size(unsigned char second)
{
    unsigned size = (second & 0x80) != 0 ? 6 : 2;

    if ((second & 0x7f) == 126)
        return size + 2;
    return (second & 0x7f) == 127 ? size + 8 : size;
}

static uint64_t payload_size(const unsigned char *head)
{
    unsigned n = (head[1] & 0x7f) == 126 ? 2 : 8;
    uint64_t size = 0;

    if ((head[1] & 0x7f) < 126)
        return head[1] & 0x7f;
    for (unsigned i = 0; i < n; i++)
        size = size << 8 | head[2 + i];
    return size;
}

bool frames_person(struct frames *frames, struct text bytes)
{
    bool person = false;
    size_t at = 0;

    while (at < bytes.len) {
        if (frames->left > 0) {
            size_t n = frames->left < bytes.len - at ? (size_t)frames->left : bytes.len - at;
            frames->left -= n;
            at += n;
            continue;
        }
        frames->head[frames->n_head++] = (unsigned char)bytes.base[at++];
        if (frames->n_head < 2 || frames->n_head < head_size(frames->head[1]))
            continue;
        frames->left = payload_size(frames->head);
        frames->n_head = 0;
        person = person || ((frames->head[0] & 0x08) == 0 && frames->left >= BEAT_BYTES);
    }
    return person;
}
