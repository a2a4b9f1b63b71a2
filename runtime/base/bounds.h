/* Every limit of vitrine, in one place. Passing one gives a clear error to the right person; nothing that was
 * already accepted is lost. Names end in their unit. Operators raise some with VITRINE_LIMIT_* (marked "env"). */
#ifndef RUNTIME_BASE_BOUNDS_H
#define RUNTIME_BASE_BOUNDS_H

/* ---- base ---- */
#define BOUNDS_LOG_LINE_BYTES 4096              /* one write to a pipe stays whole up to PIPE_BUF */
#define BOUNDS_JSON_DEPTH 64                    /* one bit per level in a word of the parser */
#define BOUNDS_JSON_NODES 1000000               /* some 50 MB of nodes for the largest document */
#define BOUNDS_NAME_BYTES 53                    /* owner-name is one label of a host name, which has 63 */

/* ---- bundles ---- */
#define BOUNDS_BUNDLE_BYTES (1ull << 30)        /* a release; models are larger than demos */
#define BOUNDS_BUNDLE_ENTRIES 20000             /* files of the repository and generated ones */
#define BOUNDS_BUNDLE_NAME_BYTES 1024           /* a path within the repository */

/* ---- wire ---- */
#define BOUNDS_PACKET_BYTES 65536               /* the kernel refuses packets above about 208 KiB */
#define BOUNDS_FRAGMENT_BYTES 61440             /* of a message that needs several packets */
#define BOUNDS_CHANNEL_QUEUE_BYTES (16u << 20)  /* what may wait for a peer that does not read */
#define BOUNDS_CHANNEL_PARTIALS 256             /* messages of one peer that are not whole yet */
#define BOUNDS_CHANNEL_PARTIAL_BYTES (32u << 20) /* their bytes together */
#define BOUNDS_STREAM_CREDIT_BYTES (256u << 10) /* what a running event may send ahead of its reader */
#define BOUNDS_CREDIT_FRAME_BYTES 64            /* what a message costs of it beside its text */

/* ---- http ---- */
#define BOUNDS_HTTP_TARGET_BYTES 8192
#define BOUNDS_HTTP_HEAD_BYTES 32768
#define BOUNDS_HTTP_FIELDS 100
#define BOUNDS_HTTP_ADDED_FIELDS 8          /* what the gateway may add on the way to the store … */
#define BOUNDS_HTTP_ADDED_BYTES 4096        /* … so that all it takes in is taken there */
#define BOUNDS_HTTP_FIELD_BYTES 8192
#define BOUNDS_HTTP_HEAD_MS 10000
#define BOUNDS_HTTP_BODY_GRACE_MS 10000
#define BOUNDS_HTTP_BODY_RATE_BYTES 1024
#define BOUNDS_HTTP_IDLE_MS 60000
#define BOUNDS_HTTP_REQUESTS 100000
#define BOUNDS_HTTP_AGE_MS 3600000
#define BOUNDS_HTTP_PIPELINED 16
#define BOUNDS_HTTP_WRITE_STALL_MS 30000
#define BOUNDS_HTTP_QUEUE_HIGH_BYTES (256u << 10)
#define BOUNDS_HTTP_QUEUE_LOW_BYTES (64u << 10)
#define BOUNDS_HTTP_LINGER_MS 5000
#define BOUNDS_HTTP_LINGER_BYTES (1u << 20)
#define BOUNDS_HTTP_CHUNK_LINE_BYTES 256
#define BOUNDS_HTTP_TRAILER_BYTES 4096

/* ---- gateway ---- */
#define BOUNDS_EVENT_BODY_BYTES (1u << 20)
#define BOUNDS_EVENT_RESULT_BYTES (8u << 20)
#define BOUNDS_UPLOAD_BODY_BYTES (100u << 20)
#define BOUNDS_CONNECTIONS_PER_ADDRESS 512      /* env */
#define BOUNDS_REQUESTS_PER_SECOND 1000         /* env, per address */
#define BOUNDS_JOINS_PER_SECOND 200             /* env, per address and demo */
#define BOUNDS_UPLOADS_PER_MINUTE 120           /* env, per address */
#define BOUNDS_SIGN_INS_PER_MINUTE 20           /* env, per address */
#define BOUNDS_PUSHES_PER_MINUTE 60             /* env, per address */
#define BOUNDS_LIMIT_ENTRIES 65536
#define BOUNDS_FORWARD_CONNECTIONS 256
#define BOUNDS_FORWARD_IDLE 16
#define BOUNDS_DEMOS_CACHED 10000
#define BOUNDS_RELEASES_IDLE 2000
#define BOUNDS_BEARER_BYTES 256
#define BOUNDS_BEARERS_KNOWN 4096
#define BOUNDS_LOG_BUFFER_BYTES 65536
#define BOUNDS_LOG_FIELD_BYTES 1024
#define BOUNDS_STOP_MS 10000
#define BOUNDS_SESSION_HASH_BYTES 128
#define BOUNDS_SESSIONS 100000
#define BOUNDS_SESSION_STATE_BYTES 65536
#define BOUNDS_SESSION_STATE_MS 3600000
#define BOUNDS_SESSION_QUEUED_BYTES (256u << 10)
#define BOUNDS_SESSION_EVENTS 64
#define BOUNDS_DEMO_QUEUE_EVENTS 1000           /* env */
#define BOUNDS_DEMO_CONCURRENCY 40
#define BOUNDS_DIFF_BYTES (256u << 10)
#define BOUNDS_DIFF_MEMBERS 64
#define BOUNDS_EVENT_GRACE_MS 15000             /* a page that lost its stream may come back */
#define BOUNDS_EVENT_FILES 32
#define BOUNDS_RESULTS_KEPT_BYTES (64u << 20)
#define BOUNDS_STATE_WRITE_MS 1000
#define BOUNDS_ESTIMATION_MS 250
#define BOUNDS_PROGRESS_MS 100
#define BOUNDS_WORKER_READY_MS 10000
#define BOUNDS_WORKER_RESTART_MS 1000
#define BOUNDS_WORKER_CALLS 1024
#define BOUNDS_WORKER_SLEEP_MS 3600000
#define BOUNDS_WORKER_FILES 64
#define BOUNDS_STORE_BEHIND_BYTES (2u << 20)    /* waiting for the store: who writes files is told to slow down */
#define BOUNDS_WORKER_BEHIND_BYTES (4u << 20)   /* waiting for a worker: its next calls stay in the queue */
#define BOUNDS_CALLS_WAITING_BYTES (256u << 20) /* what the calls of all demos hold until their handlers begin */
#define BOUNDS_SESSION_HELD_JOINS 64
#define BOUNDS_SESSION_RESULT_BYTES (16u << 20) /* finished answers that wait for a page's stream */
#define BOUNDS_STATES_BYTES (256u << 20)        /* ui.state of all sessions */
#define BOUNDS_SESSION_SMALL_BYTES 16384
#define BOUNDS_WORKER_FAILURES 3
#define BOUNDS_PULSE_MS 50
#define BOUNDS_WORKER_SHARE_BYTES (2u << 20)    /* read from one worker per pulse */
#define BOUNDS_WORKER_FRAME_COST_BYTES 256      /* what a frame counts beside its bytes */
#define BOUNDS_WORKER_WALL_FACTOR 10
#define BOUNDS_IDLE_LOOKS 256                   /* idle processes whose clock is asked for at a time */
#define BOUNDS_WORKER_SECRET_SHARE 20           /* a twentieth of a processor needs no explanation */
#define BOUNDS_SMALL_BODY_BYTES 16384
#define BOUNDS_STOP_LAST_MS 250                  /* of the grace is left when unfinished calls fail */
#define BOUNDS_RESULT_KEEP_MS 600000
#define BOUNDS_HEARTBEAT_MS 15000
#define BOUNDS_CLOSE_LINGER_MS 500
#define BOUNDS_CLOSE_FALLBACK_MS 2000
#define BOUNDS_WORKER_IDLE_MS 300000            /* env */
#define BOUNDS_DEMOS_MEMORY_PERCENT 75          /* of the machine's, all demos together, where control groups are */
#define BOUNDS_DEMOS_PROCESSES 8192             /* the same: workers, and the zygotes that make them */
#define BOUNDS_DEMOS_CPU_WEIGHT 50              /* the same, against 100 of the services */
#define BOUNDS_ZYGOTE_SPAWNS 10000              /* env; then a fresh zygote, with another address layout, takes over */
#define BOUNDS_ZYGOTE_MS (6 * 3600 * 1000)      /* the same for one that forks little */
#define BOUNDS_WORKER_AGE_MS 3600000            /* an idle worker older than that is put to sleep, and wakes afresh */
#define BOUNDS_WORKER_EVENTS_SERVED 100000      /* the same after so many events */
#define BOUNDS_DEMO_VISITORS 64                 /* processes at once of a demo with isolation: visitor */
#define BOUNDS_POOL_WORKERS 4                   /* env; locked processes that wait for a demo */
#define BOUNDS_POOL_REFILL_MS 10                /* after a wake, and between two of them */
#define BOUNDS_WORKERS 4096                     /* env */
#define BOUNDS_MEMORY_FREE_BYTES (512ull << 20) /* env; what stays free of the machine's memory, or a 16th of it */
#define BOUNDS_PRESSURE_MS 1000                 /* how often memory is looked at while workers rest */
#define BOUNDS_WORKER_REST_BYTES (1u << 20)     /* what a resting worker is taken to hold */

/* ---- worker ---- */
#define BOUNDS_WORKER_HEAP_BYTES (64u << 20)    /* env */
#define BOUNDS_WORKER_LOOP 10000000             /* elements that one library call may walk over */
#define BOUNDS_WORKER_JSON_BYTES (16u << 20)    /* of one value written as JSON; no message carries more */
#define BOUNDS_WORKER_SOURCE_BYTES (256u << 10) /* of one Lua file; the compiler cannot be stopped */
#define BOUNDS_WORKER_SLICE_MS 1000             /* env */
#define BOUNDS_WORKER_EVENT_CPU_MS 60000        /* env */
#define BOUNDS_WORKER_EVENT_MS 600000           /* env; by the clock on the wall, waits included */
#define BOUNDS_WORKER_KILL_GRACE_MS 100         /* for the friendly error, then the process ends */
#define BOUNDS_WORKER_EVENTS 256                /* of one worker at once; each has a coroutine */
#define BOUNDS_IMAGE_PIXELS (16u << 20)         /* 64 MB as RGBA: as much as a demo's heap */
#define BOUNDS_TENSOR_WINDOW_BYTES (16u << 20)  /* shared by one worker's calls; memory only where it was written */
#define BOUNDS_TENSOR_INLINE_BYTES 49152        /* a list above it puts tensors into the window */
#define BOUNDS_LOG_LINES_PER_SECOND 200         /* of one worker; more are left out, and the log says so */

/* ---- inference ---- */
#define BOUNDS_INFER_DEMO_JOBS 64               /* model calls of one demo that wait or run */
#define BOUNDS_INFER_JOBS 2048                  /* of all demos */
#define BOUNDS_INFER_BATCH 32                   /* calls of one model that run together */
#define BOUNDS_INFER_TURN_MS 50                 /* how long one model may keep a child while others wait */
#define BOUNDS_INFER_NESTING 90                 /* messages inside messages of a model file; a subgraph is three */
#define BOUNDS_INFER_HELD_BYTES (64u << 20)     /* large answers that a child keeps until they are fetched */
#define BOUNDS_INFER_HELD_MS 10000              /* a worker that did not fetch by then is gone or has other worries */
#define BOUNDS_INFER_CANCELS 64                 /* cancelled calls that a child remembers */
#define BOUNDS_INFER_CANCEL_MS 1000             /* then a child that does not stop is ended */
#define BOUNDS_INFER_JOB_MS 30000               /* env; loading a model on first use counts */
#define BOUNDS_INFER_CHILD_BYTES (2ull << 30)   /* env; private memory of one owner's models */
#define BOUNDS_INFER_CHILD_FILES 4200           /* a window per worker, and the models */
#define BOUNDS_INFER_CHILDREN 16                /* env; owners whose models are loaded at once */
#define BOUNDS_INFER_TRIES 4                    /* pushed models that are tried at once */
#define BOUNDS_INFER_IDLE_MS 300000             /* env; then a model is unloaded */
#define BOUNDS_INFER_THREADS 1                  /* the machine is shared out between owners by the kernel */
#define BOUNDS_INFER_SIDE 2048                  /* pixels of a model's input */
#define BOUNDS_INFER_BATCH_BYTES (64u << 20)    /* inputs of one run */
#define BOUNDS_INFER_LABELS 100000              /* of config.json */
#define BOUNDS_INFER_REASON_BYTES 512           /* of the library's own words in a sentence */

/* ---- publishing ---- */
#define BOUNDS_TREE_FILES 10000
#define BOUNDS_TREE_FOLDERS 10000
#define BOUNDS_TREE_DEPTH 64                    /* folders inside folders */
#define BOUNDS_TREE_FILE_BYTES (256ull << 20)
#define BOUNDS_TREE_BYTES (512ull << 20)
#define BOUNDS_PUSH_BYTES (512ull << 20)
#define BOUNDS_README_BYTES (256u << 10)
#define BOUNDS_CARD_DEPTH 64                    /* brackets inside brackets of the front matter */
#define BOUNDS_MANIFEST_BYTES (8u << 20)
#define BOUNDS_DESCRIBE_MS 5000
#define BOUNDS_GIT_WALL_MS 600000
#define BOUNDS_GIT_SLOW_MS 30000                /* env; then the log says what a git session waits for */
/* six times the CPU time, so that a busy machine still names the line */
#define BOUNDS_DESCRIBE_WALL_MS 30000

/* ---- store ---- */
#define BOUNDS_DATABASE_BUSY_MS 1000            /* nobody else writes; a tool that locks it must not stop the site */
#define BOUNDS_PASSWORD_BYTES 256
#define BOUNDS_PASSWORD_MIN_BYTES 8
#define BOUNDS_TOKEN_BYTES 128
#define BOUNDS_TOKENS_PER_ACCOUNT 100
#define BOUNDS_REPOSITORIES_PER_ACCOUNT 1000    /* env */
#define BOUNDS_SIGNIN_LINK_MS 900000
#define BOUNDS_SITE_SESSION_MS 1209600000ll
#define BOUNDS_SIGNINS 64                       /* passwords that wait to be checked */
#define BOUNDS_SIGNIN_TRIES 10                  /* per address in BOUNDS_SIGNIN_WINDOW_MS */
#define BOUNDS_SIGNIN_WINDOW_MS 60000
#define BOUNDS_API_BODY_BYTES (1u << 20)
#define BOUNDS_FORM_BODY_BYTES 16384
#define BOUNDS_API_PAGE_ROWS 100
#define BOUNDS_CODE_VIEW_BYTES (512u << 10)
#define BOUNDS_GIT_CAGES 16                     /* beyond, nobody begins a push or a fetch */
#define BOUNDS_GIT_BEGUN_CAGES 48               /* and who has begun is refused; the launcher holds 64 */
#define BOUNDS_GIT_INFLATE_RATIO_BYTES (512ull << 20)
#define BOUNDS_GIT_STDERR_BYTES 65536
#define BOUNDS_PUBLISHES 4                      /* env, at once */
#define BOUNDS_MODEL_TRY_MS 60000
#define BOUNDS_PUBLISH_RETRY_MS 1000            /* an accepted release that the database does not take yet */
#define BOUNDS_REPORT_BYTES 65536
#define BOUNDS_HOOK_UPDATES 1000
#define BOUNDS_RELEASES_KEPT 20                 /* env, per repository, beside the live one */
#define BOUNDS_FILE_TTL_MS 3600000ll            /* env */
#define BOUNDS_FILE_QUOTA_BYTES (1ull << 30)    /* env, per demo */
#define BOUNDS_FILE_COST_BYTES 4096             /* what a file takes of the quota at least */
#define BOUNDS_FILES_PER_UPLOAD 100
#define BOUNDS_FILES_OPEN 1024
#define BOUNDS_LOG_LINES_KEPT 1000              /* per demo */
#define BOUNDS_LOG_FLUSH_MS 250
#define BOUNDS_LOG_QUEUED_LINES 10000
#define BOUNDS_CARD_MEMBER_BYTES 8192
#define BOUNDS_TEMPLATE_DEPTH 16
#define BOUNDS_TEMPLATE_BYTES (1u << 20)

#endif
