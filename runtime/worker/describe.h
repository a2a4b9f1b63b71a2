/* The describe cage's program: a tree comes in, a bundle goes out, or sentences with file and line.
 *
 *   stage stream (fd 3) → README's front matter → app.lua, frozen, without models → config, info, page, manifest
 *   → bundle (fd 4); report (fd 5): one sentence per line, warnings begin with "warning: " */
#ifndef RUNTIME_WORKER_DESCRIBE_H
#define RUNTIME_WORKER_DESCRIBE_H

/* `vitrine-worker describe [--model]`, descriptors as above. 0, or 1 when the tree was refused. */
int describe_main(int argc, char **argv);
/* `vitrine check DIR`: the same for a folder, without the cage; sentences go to standard output. */
int describe_check(int argc, char **argv);

#endif
