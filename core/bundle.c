#include "core/bundle.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>

#include "core/err.h"
#include "core/gunzip.h"
#include "core/pool.h"

#define NAME_MAX_BYTES 1024
#define RATIO_FROM ((uint64_t)1 << 20)
/* What the tar format itself may add: headers, names and padding of each entry, and the end. */
#define ENTRY_OVERHEAD 8192
#define DRAIN_STEP 65536

const struct bundle_limits bundle_package_limits = {
    .entries = 20000,
    .total_bytes = (uint64_t)512 << 20,
    .entry_bytes = (uint64_t)256 << 20,
    .ratio = 200,
};

struct bundle_walk {
    struct archive *archive;
    const struct bundle_limits *limits;
    size_t packed_bytes;
    struct gunzip *gunzip; /* NULL: a .zip, which libarchive unpacks itself */
    struct text block;     /* what gunzip gave last */
    bool unpack_failed;    /* err holds its sentence */
    struct bundle_entry entry;
    bool content_taken;
    size_t entries;
    uint64_t declared; /* sum of the entries' own sizes */
    uint64_t unpacked; /* bytes of content seen */
    struct pool *pool; /* for names */
    struct seen *seen;
    struct err *err;
};

struct seen {
    struct seen *next;
    struct text name;
    bool is_dir;
};

static int refuse(struct err *err, const char *what)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_bundle", "The archive is refused: %s.", what);
}

/* libarchive reads names in the thread's locale, and ours may be "C", which has no UTF-8. */
static locale_t utf8_locale;
static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;

static void make_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static locale_t bundle_locale(void)
{
    pthread_once(&utf8_once, make_locale);
    return utf8_locale != (locale_t)0 ? utf8_locale : LC_GLOBAL_LOCALE;
}

static int check_ratio(const struct bundle_walk *walk, uint64_t unpacked)
{
    if (unpacked > RATIO_FROM && unpacked / walk->limits->ratio > walk->packed_bytes)
        return refuse(walk->err, "it unpacks to far more than it is");
    return 0;
}

static int unpack_block(struct bundle_walk *walk)
{
    uint64_t most = walk->limits->total_bytes + (walk->limits->entries + 2) * ENTRY_OVERHEAD;

    if (gunzip_next(walk->gunzip, &walk->block, walk->err) != 0)
        return -1;
    if (gunzip_total(walk->gunzip) > most)
        return refuse(walk->err, "it unpacks to more bytes than allowed");
    return check_ratio(walk, gunzip_total(walk->gunzip));
}

static la_ssize_t on_read(struct archive *archive, void *arg, const void **out)
{
    struct bundle_walk *walk = arg;

    if (walk->unpack_failed || unpack_block(walk) != 0) {
        walk->unpack_failed = true;
        archive_set_error(archive, EINVAL, "cannot be unpacked");
        return -1;
    }
    *out = walk->block.base;
    return (la_ssize_t)walk->block.len;
}

/* The sentence for what libarchive just reported. */
static int damaged(struct bundle_walk *walk)
{
    const char *why = archive_error_string(walk->archive);

    if (walk->unpack_failed)
        return -1;
    return err_set(walk->err, ERR_UNPROCESSABLE, "bad_bundle", "The archive is damaged: %.150s.",
                   why != NULL && text_is_printable(text_of(why)) ? why : "it is not readable");
}

static int open_tgz(struct bundle_walk *walk, struct text packed)
{
    walk->gunzip = gunzip_new(packed);
    archive_read_support_filter_none(walk->archive);
    archive_read_support_format_tar(walk->archive);
    if (archive_read_open(walk->archive, walk, NULL, on_read, NULL) != ARCHIVE_OK)
        return damaged(walk);
    return 0;
}

static uint32_t little(const unsigned char *p, int bytes)
{
    uint32_t n = 0;

    while (bytes-- > 0)
        n = n << 8 | p[bytes];
    return n;
}

/* A .zip ends with its directory and the directory's end record, where readers begin. Were there
 * bytes around them, or a second record, two readers could see two archives. (No .zip here is so
 * large that it needs the 64-bit form.) */
static bool ends_with_directory(struct text packed)
{
    enum { RECORD = 22, COMMENT_MAX = 65535 };
    size_t tail = packed.len < RECORD + COMMENT_MAX ? packed.len : RECORD + COMMENT_MAX;

    for (size_t left = 4; left <= tail; left++) {
        size_t at = packed.len - left;
        const unsigned char *p = (const unsigned char *)packed.base + at;
        if (memcmp(p, "PK\005\006", 4) == 0)
            return left >= RECORD && left == RECORD + little(p + 20, 2) &&
                   (uint64_t)little(p + 12, 4) + little(p + 16, 4) == at;
    }
    return false;
}

static int open_zip(struct bundle_walk *walk, struct text packed)
{
    if (!ends_with_directory(packed))
        return refuse(walk->err, "it does not end with its directory");
    archive_read_support_filter_none(walk->archive);
    archive_read_support_format_zip_seekable(walk->archive);
    if (archive_read_open_memory(walk->archive, packed.base, packed.len) != ARCHIVE_OK)
        return damaged(walk);
    return 0;
}

static int open_packed(struct bundle_walk *walk, struct text packed, enum bundle_format format)
{
    if (text_starts(packed, "\x1f\x8b"))
        return open_tgz(walk, packed);
    if (format == BUNDLE_ZIP_OR_TGZ && text_starts(packed, "PK\003\004"))
        return open_zip(walk, packed);
    return refuse(walk->err, format == BUNDLE_TGZ ? "it is not a .tgz" : "it is no .tgz or .zip");
}

static int check_name(struct bundle_walk *walk, struct text name)
{
    struct text rest = name, part;

    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return refuse(walk->err, "a name in it is empty or too long");
    if (!text_is_utf8(name) || !text_is_printable(name))
        return refuse(walk->err, "a name in it is not printable UTF-8");
    if (text_has(name, '\\'))
        return refuse(walk->err, "a name in it holds a backslash");
    if (name.base[0] == '/')
        return refuse(walk->err, "a name in it is absolute");
    while (text_cut(&rest, '/', &part))
        if (part.len == 0 || text_is(part, ".") || text_is(part, ".."))
            return refuse(walk->err, "a name in it holds \".\", \"..\" or an empty part");
    return 0;
}

static int check_kind(struct bundle_walk *walk, struct archive_entry *entry)
{
    mode_t type = archive_entry_filetype(entry);

    if (archive_entry_hardlink(entry) != NULL || type == AE_IFLNK)
        return refuse(walk->err, "it holds links");
    if (type != AE_IFREG && type != AE_IFDIR)
        return refuse(walk->err, "it holds something that is neither file nor folder");
    if ((archive_entry_mode(entry) & (S_ISUID | S_ISGID)) != 0 && type == AE_IFREG)
        return refuse(walk->err, "it holds a file with a setuid or setgid bit");
    if (archive_entry_sparse_count(entry) > 0)
        return refuse(walk->err, "it holds a file with holes");
    if (archive_entry_is_encrypted(entry))
        return refuse(walk->err, "it is encrypted");
    if (!archive_entry_size_is_set(entry) && type == AE_IFREG)
        return refuse(walk->err, "a file in it has no size");
    return 0;
}

static int check_size(struct bundle_walk *walk, int64_t bytes)
{
    if (bytes < 0 || (uint64_t)bytes > walk->limits->entry_bytes)
        return refuse(walk->err, "a file in it is larger than allowed");
    walk->declared += (uint64_t)bytes;
    if (walk->declared > walk->limits->total_bytes)
        return refuse(walk->err, "it unpacks to more bytes than allowed");
    return 0;
}

static void remember(struct bundle_walk *walk)
{
    struct seen *seen = pool_alloc(walk->pool, sizeof(*seen));

    seen->name = walk->entry.name;
    seen->is_dir = walk->entry.is_dir;
    seen->next = walk->seen;
    walk->seen = seen;
}

/* Fills walk->entry; *skip for the archive's own root folder, "./". */
static int read_entry(struct bundle_walk *walk, struct archive_entry *entry, bool *skip)
{
    bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;
    struct text name = text_of(archive_entry_pathname(entry));

    *skip = false;
    if (++walk->entries > walk->limits->entries)
        return refuse(walk->err, "it has more entries than allowed");
    if (check_kind(walk, entry) != 0)
        return -1;
    if (is_dir && text_ends(name, "/") && name.len > 1)
        name.len--;
    if (is_dir && text_is(name, ".")) {
        *skip = true;
        return 0;
    }
    if (text_starts(name, "./"))
        name = text_sub(name, 2, name.len);
    if (check_name(walk, name) != 0)
        return -1;
    if (!is_dir && check_size(walk, archive_entry_size(entry)) != 0)
        return -1;
    walk->entry = (struct bundle_entry){
        .name = text_dup(walk->pool, name),
        .bytes = is_dir ? 0 : (uint64_t)archive_entry_size(entry),
        .is_dir = is_dir,
        .is_executable = !is_dir && (archive_entry_perm(entry) & 0111) != 0,
    };
    walk->content_taken = false;
    remember(walk);
    return 0;
}

/* Up to n bytes of the entry; 0 at its end. */
static la_ssize_t read_some(struct bundle_walk *walk, char *to, size_t n)
{
    la_ssize_t got = archive_read_data(walk->archive, to, n);

    if (got < 0)
        return damaged(walk);
    walk->unpacked += (uint64_t)got;
    if (walk->unpacked > walk->limits->total_bytes)
        return refuse(walk->err, "it unpacks to more bytes than allowed");
    return check_ratio(walk, walk->unpacked) == 0 ? got : -1;
}

int bundle_content(struct bundle_walk *walk, struct pool *pool, size_t max, struct text *out,
                   struct err *err)
{
    size_t want = (size_t)walk->entry.bytes, have = 0;
    la_ssize_t got = 1;

    if (walk->entry.is_dir || walk->content_taken)
        return err_set(err, ERR_INTERNAL, "internal", "An entry has no content left to read.");
    if (walk->entry.bytes > max)
        return err_set(err, ERR_TOO_LARGE, "too_large", "%.*s is larger than %zu bytes.",
                       TEXT_ARG(walk->entry.name), max);
    char *content = pool_alloc(pool, want + 1);
    walk->content_taken = true;
    while (have <= want && got > 0) {
        got = read_some(walk, content + have, want + 1 - have);
        have += got > 0 ? (size_t)got : 0;
    }
    if (got < 0 || have != want) {
        if (got >= 0)
            refuse(walk->err, "a file in it is not as long as it says");
        if (err != NULL && walk->err != NULL && err != walk->err)
            *err = *walk->err;
        return -1;
    }
    content[want] = '\0';
    *out = text_n(content, want);
    return 0;
}

/* Unpacks what the caller did not ask for, so that all of it is checked. */
static int drain_entry(struct bundle_walk *walk)
{
    auto_free char *scratch = NULL;
    uint64_t have = 0;
    la_ssize_t got = 1;

    if (walk->entry.is_dir || walk->content_taken)
        return 0;
    scratch = xmalloc(DRAIN_STEP);
    while (got > 0) {
        got = read_some(walk, scratch, DRAIN_STEP);
        have += got > 0 ? (uint64_t)got : 0;
    }
    if (got < 0)
        return -1;
    return have == walk->entry.bytes ? 0
                                     : refuse(walk->err, "a file in it is not as long as it says");
}

static int each_entry(struct bundle_walk *walk, bundle_entry_fn *fn, void *arg)
{
    struct archive_entry *entry;
    bool skip;
    int rc;

    while ((rc = archive_read_next_header(walk->archive, &entry)) != ARCHIVE_EOF) {
        /* a warning is about a name's encoding, which is judged below */
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
            return damaged(walk);
        if (read_entry(walk, entry, &skip) != 0)
            return -1;
        if (skip)
            continue;
        if (fn(arg, &walk->entry, walk, walk->err) != 0 || drain_entry(walk) != 0)
            return -1;
    }
    return walk->seen != NULL ? 0 : refuse(walk->err, "it is empty");
}

static int all_zero(struct bundle_walk *walk, struct text block)
{
    for (size_t i = 0; i < block.len; i++)
        if (block.base[i] != '\0')
            return refuse(walk->err, "bytes follow its end");
    return 0;
}

/* Behind tar's end there may be padding, but nothing else. Blocks are a multiple of tar's own, so
 * what libarchive has not consumed lies in the last one. */
static int check_tail(struct bundle_walk *walk)
{
    uint64_t consumed = (uint64_t)archive_filter_bytes(walk->archive, 0);
    uint64_t total = gunzip_total(walk->gunzip);

    if (consumed > total || total - consumed > walk->block.len)
        return refuse(walk->err, "its end is not where it should be");
    size_t left = (size_t)(total - consumed);
    struct text tail = text_sub(walk->block, walk->block.len - left, left);
    do {
        if (all_zero(walk, tail) != 0 || unpack_block(walk) != 0)
            return -1;
        tail = walk->block;
    } while (tail.len > 0);
    return 0;
}

static int seen_order(const void *a, const void *b)
{
    const struct seen *const *x = a, *const *y = b;

    return text_cmp((*x)->name, (*y)->name);
}

/* A name that stands twice would let one reader check the first and another unpack the last. */
static int check_duplicates(struct bundle_walk *walk)
{
    auto_free const struct seen **all = xcalloc(walk->entries, sizeof(struct seen *));
    size_t n = 0;

    for (const struct seen *seen = walk->seen; seen != NULL; seen = seen->next)
        all[n++] = seen;
    qsort(all, n, sizeof(struct seen *), seen_order);
    for (size_t i = 1; i < n; i++)
        if (text_eq(all[i - 1]->name, all[i]->name) && !(all[i - 1]->is_dir && all[i]->is_dir))
            return refuse(walk->err, "a name stands in it twice");
    return 0;
}

int bundle_walk(struct text packed, enum bundle_format format, const struct bundle_limits *limits,
                bundle_entry_fn *fn, void *arg, struct err *err)
{
    struct err unheard;
    struct bundle_walk walk = {
        .archive = archive_read_new(),
        .limits = limits,
        .packed_bytes = packed.len,
        .pool = pool_new(),
        .err = err != NULL ? err : &unheard,
    };
    locale_t before = uselocale(bundle_locale());

    if (walk.archive == NULL)
        abort();
    int rc = open_packed(&walk, packed, format);
    if (rc == 0)
        rc = each_entry(&walk, fn, arg);
    if (rc == 0 && walk.gunzip != NULL)
        rc = check_tail(&walk);
    if (rc == 0)
        rc = check_duplicates(&walk);
    archive_read_free(walk.archive);
    gunzip_free(walk.gunzip);
    pool_free(walk.pool);
    uselocale(before);
    return rc;
}
