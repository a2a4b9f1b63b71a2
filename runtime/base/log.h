/* The log: one line per fact on stderr, readable for people on a terminal ("12:34:56.789 gateway: …"),
 * one-line JSON otherwise (VITRINE_LOG=json|text overrides). Control bytes are escaped, lines are cut at
 * BOUNDS_LOG_LINE. Never log a secret: tokens, cookies, query strings of private demos. */
#ifndef RUNTIME_BASE_LOG_H
#define RUNTIME_BASE_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Call once at start; `program` (static storage) names the process in each line. */
void log_init(const char *program);
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
