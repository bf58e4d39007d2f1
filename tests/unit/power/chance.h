/* Chance that a seed repeats (splitmix64). */
#pragma once

#include <stdint.h>

static inline uint64_t chance_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t chance(uint64_t *state)
{
    return chance_mix((*state)++);
}

/* 0 to n-1 */
static inline uint64_t chance_of(uint64_t *state, uint64_t n)
{
    return chance(state) % n;
}
