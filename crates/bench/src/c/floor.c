/* The floor: what no supervisor can do without. Waits for its child, and starts it again.
 *
 * floor PROGRAM ARG        one child, restarted for ever
 * floor -n COUNT PROGRAM   starts COUNT children, prints the nanoseconds that took, ends them */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static pid_t start(char **argv)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execve(argv[0], argv, environ);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "-n") == 0) {
        long count = atol(argv[2]);
        pid_t *pids = calloc((size_t)count, sizeof *pids);
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (long i = 0; i < count; i++)
            pids[i] = start(argv + 3);
        clock_gettime(CLOCK_MONOTONIC, &to);
        printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000ll + (to.tv_nsec - from.tv_nsec));
        for (long i = 0; i < count; i++)
            kill(pids[i], SIGKILL);
        for (long i = 0; i < count; i++)
            waitpid(pids[i], NULL, 0);
        return 0;
    }
    if (argc < 2)
        return 2;
    for (;;) {
        pid_t pid = start(argv + 1);
        if (pid < 0)
            return 1;
        waitpid(pid, NULL, 0);
    }
}
