// How many TCP connections come about in a time, one after the other: client and server on one CPU, each in a namespace of its own.
//
//   connects MILLISECONDS CPU SERVER_NAMESPACE CLIENT_NAMESPACE ADDRESS PORT
//
// The client ends each with a reset, so no port waits. Prints "connections microseconds".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "connects: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void enter(int namespace) {
  if (setns(namespace, CLONE_NEWNET)) fail("setns");
}

static void serve(struct sockaddr_in *address, int ready) {
  int one = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listening, (struct sockaddr *)address, sizeof *address) || listen(listening, 1024)) fail("listen");
  if (write(ready, "", 1) != 1) fail("write");
  for (;;) {
    int accepted = accept(listening, NULL, NULL);
    if (accepted >= 0) close(accepted);
  }
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: connects MILLISECONDS CPU SERVER_NAMESPACE CLIENT_NAMESPACE ADDRESS PORT\n");
    return 2;
  }
  cpu_set_t cpu;
  CPU_ZERO(&cpu);
  CPU_SET(atoi(argv[2]), &cpu);
  if (sched_setaffinity(0, sizeof cpu, &cpu)) fail("sched_setaffinity");
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[6])) };
  if (inet_pton(AF_INET, argv[5], &address.sin_addr) != 1) fail("address");
  int ready[2], server = open(argv[3], O_RDONLY), client = open(argv[4], O_RDONLY);
  if (server < 0 || client < 0 || pipe(ready)) fail("open");
  pid_t child = fork();
  if (!child) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enter(server);
    serve(&address, ready[1]);
  }
  char byte;
  if (read(ready[0], &byte, 1) != 1) fail("the server");
  enter(client);
  struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  long connections = 0;
  double begun = now(), end = begun + atof(argv[1]) * 1e3;
  while (now() < end) {
    int connecting = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(connecting, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(connecting, (struct sockaddr *)&address, sizeof address)) fail("connect");
    close(connecting);
    connections++;
  }
  printf("%ld %.0f\n", connections, now() - begun);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 0;
}
