/*
 * `redhouse git-fetch`: what a sandbox runs to talk to a git server. libgit2 1.5 has no time-outs,
 * so its bytes go through core/fetch, which has deadlines and ceilings, and judges the address of
 * every connection, redirects included; a file address is the repository at /job/repository.
 * /job/in: {"url", "token", "mode": "list"} or {…, "mode":
 * "checkout", "ref", "commit"}, "private": true to allow private addresses. /job/out: refs.json, or
 * the tree of the commit. No submodules, no filters, no links.
 */
#pragma once

int git_child_main(void);
