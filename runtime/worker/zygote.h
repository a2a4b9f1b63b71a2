/* The zygote: forks, kills and reaps locked workers on the gateway's fixed-size requests. It parses nothing else and
 * has never seen a byte of a demo; the Lua state with libraries and kit is made once, before the first fork. */
#ifndef RUNTIME_WORKER_ZYGOTE_H
#define RUNTIME_WORKER_ZYGOTE_H

/* Runs on descriptor 3 (the launcher's control channel). Returns the exit status. */
int zygote_main(void);

#endif
