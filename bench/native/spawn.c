// Times a program as a runtime sees it: fork and exec to exit, standard input from a file.
//
//   spawn COUNT PARALLEL FIRST INPUT PROGRAM [NAME=VALUE ...]
//
// "%d" in a value or in INPUT is the run's number, counted from FIRST. Prints "microseconds exitcode" for each run in order of
// number, then "wall MICROSECONDS". A run's standard output goes to /dev/null unless it fails; then it is shown on standard error.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static char *number(const char *text, int n) {
  const char *mark = strstr(text, "%d");
  char *out;
  if (!mark) return strdup(text);
  if (asprintf(&out, "%.*s%d%s", (int)(mark - text), text, n, mark + 2) < 0) exit(1);
  return out;
}

int main(int argc, char **argv) {
  if (argc < 6) { fprintf(stderr, "usage: spawn COUNT PARALLEL FIRST INPUT PROGRAM [NAME=VALUE ...]\n"); return 2; }
  int count = atoi(argv[1]), parallel = atoi(argv[2]), first = atoi(argv[3]);
  pid_t *pids = calloc(count, sizeof *pids);
  double *began = calloc(count, sizeof *began), *took = calloc(count, sizeof *took);
  int *codes = calloc(count, sizeof *codes);
  int started = 0, running = 0, ended = 0;
  double wall = now();
  while (ended < count) {
    while (started < count && running < parallel) {
      int n = first + started, environment = 0;
      char *envp[64], *args[] = { argv[5], NULL };
      for (int i = 6; i < argc && environment < 63; i++) envp[environment++] = number(argv[i], n);
      envp[environment] = NULL;
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init(&actions);
      posix_spawn_file_actions_addopen(&actions, 0, number(argv[4], n), O_RDONLY, 0);
      char out[64];
      snprintf(out, sizeof out, "/tmp/spawn.%d.%d", getpid(), n);
      posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
      began[started] = now();
      int error = posix_spawn(&pids[started], argv[5], &actions, NULL, args, envp);
      if (error) { fprintf(stderr, "spawn: %s: %s\n", argv[5], strerror(error)); return 1; }
      posix_spawn_file_actions_destroy(&actions);
      started++;
      running++;
    }
    int status;
    pid_t pid = wait(&status);
    double at = now();
    if (pid < 0) { perror("wait"); return 1; }
    for (int i = 0; i < started; i++)
      if (pids[i] == pid) { took[i] = at - began[i]; codes[i] = WIFEXITED(status) ? WEXITSTATUS(status) : 255; }
    running--;
    ended++;
  }
  wall = now() - wall;
  for (int i = 0; i < count; i++) {
    char out[64];
    snprintf(out, sizeof out, "/tmp/spawn.%d.%d", getpid(), first + i);
    if (codes[i]) {
      char text[2048];
      int fd = open(out, O_RDONLY), length = fd < 0 ? 0 : read(fd, text, sizeof text);
      fprintf(stderr, "run %d: %.*s\n", first + i, length > 0 ? length : 0, text);
      if (fd >= 0) close(fd);
    }
    unlink(out);
    printf("%.1f %d\n", took[i], codes[i]);
  }
  printf("wall %.1f\n", wall);
  return 0;
}
