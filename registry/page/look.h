/*
 * How the nodes of a package look in the palette, and which plugins it brings: read from the
 * literals of registerType("name", {…}) and registerPlugin("name", {…}) in its files, which are a
 * stranger's and never run. Pure.
 */
#pragma once

#include "core/text.h"

#define LOOKS_MAX 500 /* of one package */
#define LOOK_TEXT_MAX 200

struct look {
    struct text name; /* the node type, or the plugin's id */
    struct text set;  /* the key in package.json that names its file */
    struct text category, color, icon, label, align, type; /* absent: not told as a literal */
    int64_t inputs, outputs;                               /* -1: not told */
};

struct looks {
    struct look all[LOOKS_MAX];
    size_t n;
};

/* Adds what source says in calls of `call` ("registerType"); the first to name a thing wins. Views
 * into source. */
void looks_scan(struct looks *looks, struct text source, const char *call, struct text set);
/* A colour that CSS reads and that is nothing else: "#3fadb5", "rgb(1, 2, 3)", "Silver". */
bool look_is_color(struct text color);
