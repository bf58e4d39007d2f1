/*
 * Build-time tool: writes files as one C array of struct embedded (core/embedded.h).
 * Usage: redhouse_embed SYMBOL BASE OUT FILE...   Names are FILE relative to BASE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "embed: %s %s\n", what, path);
    exit(1);
}

static void write_bytes(FILE *out, const char *path, unsigned index)
{
    FILE *in = fopen(path, "rb");
    int c;
    size_t n = 0;

    if (in == NULL)
        fail("cannot read", path);
    fprintf(out, "static const unsigned char bytes_%u[] = {", index);
    while ((c = fgetc(in)) != EOF) {
        if (n++ % 24 == 0)
            fputc('\n', out);
        fprintf(out, "%d,", c);
    }
    fprintf(out, "0};\n");
    fclose(in);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage: SYMBOL BASE OUT FILE...", "");
    FILE *out = fopen(argv[3], "wb");
    size_t base = strlen(argv[2]);

    if (out == NULL)
        fail("cannot write", argv[3]);
    fprintf(out, "#include \"core/embedded.h\"\n");
    for (int i = 4; i < argc; i++)
        write_bytes(out, argv[i], (unsigned)i);
    fprintf(out, "extern const struct embedded %s[];\nconst struct embedded %s[] = {\n", argv[1],
            argv[1]);
    for (int i = 4; i < argc; i++) {
        const char *name = argv[i];
        if (strncmp(name, argv[2], base) == 0)
            name += base;
        while (*name == '/')
            name++;
        fprintf(out, "    {\"%s\", bytes_%d, sizeof(bytes_%d) - 1},\n", name, i, i);
    }
    fprintf(out, "    {0, 0, 0},\n};\n");
    return fclose(out) == 0 ? 0 : 1;
}
