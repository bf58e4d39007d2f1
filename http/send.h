/* From a composed answer to libh2o's response. Inside http/ only. */
#pragma once

struct answer;
struct request;

/* Lets go of what an answer holds. */
void send_release(struct answer *answer);
