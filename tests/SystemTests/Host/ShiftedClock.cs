using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>A wall clock that jumps for one process and its children, and for nobody else.</summary>
/// <remarks>A small library is loaded before libc; it adds to the wall clock what it reads from a shared page. The monotonic clock
/// and the kernel's own (file times) stay as they are, as they would.</remarks>
internal sealed class ShiftedClock : IDisposable
{
    private const string Source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static volatile long long *shift;
        static int (*next)(clockid_t, struct timespec *);

        __attribute__((constructor)) static void find(void) {
          const char *path = getenv("CLOCK_SHIFT");
          int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
          if (file < 0) return;
          void *page = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
          if (page != MAP_FAILED) shift = page;
          close(file);
        }

        int clock_gettime(clockid_t id, struct timespec *at) {
          if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
          int result = next(id, at);
          if (!result && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *shift;
          return result;
        }

        int gettimeofday(struct timeval *restrict at, void *restrict zone) {
          struct timespec exact;
          int result = clock_gettime(CLOCK_REALTIME, &exact);
          at->tv_sec = exact.tv_sec;
          at->tv_usec = exact.tv_nsec / 1000;
          return result;
        }

        time_t time(time_t *at) {
          struct timespec exact;
          clock_gettime(CLOCK_REALTIME, &exact);
          if (at) *at = exact.tv_sec;
          return exact.tv_sec;
        }
        """;

    private readonly FileStream _shift;

    private ShiftedClock(FileStream shift) => _shift = shift;

    /// <summary>Gives the calico-host started next a clock that can be shifted.</summary>
    public static async Task<ShiftedClock> InstallAsync(TestHost host)
    {
        var (library, page) = (Path.Combine(host.Folder, "clock.so"), Path.Combine(host.Folder, "clock.shift"));
        (await CommandResult.RunAsync(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-x", "c", "-o", library, "-", "-ldl"],
            Source)).OrThrow();
        var clock = new ShiftedClock(new(page, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite));
        clock.JumpTo(TimeSpan.Zero);
        (host.Settings["LD_PRELOAD"], host.Settings["CLOCK_SHIFT"]) = (library, page);
        return clock;
    }

    /// <summary>From now on its wall clock is off by this much.</summary>
    public void JumpTo(TimeSpan off)
    {
        // In place and in one write: whoever has the page mapped reads the old number or the new one.
        _shift.Position = 0;
        _shift.Write(BitConverter.GetBytes((long)off.TotalSeconds));
        _shift.Flush();
    }

    public void Dispose() => _shift.Dispose();
}
