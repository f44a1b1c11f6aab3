using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Calico.Host.Health;
using Calico.Host.Plugins;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.UnitTests.Host;

/// <summary>A stage that holds a socket, a loop and a lock on a file, as the real ones do between them; it notes what is asked of it.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "StopAsync gives it back.")]
internal sealed class FakeStage(string name, string folder, ConcurrentQueue<string> asked) : IHostStage
{
    private readonly HostLoops _loops = new(new HealthBoard(), NullLogger.Instance);
    private BoundSocket? _socket;
    private FileStream? _lock;

    public string Name => name;

    public string Doing => $"{name} is being started";

    public string SocketPath => Path.Combine(folder, $"{name}.sock");

    public string LockPath => Path.Combine(folder, $"{name}.lock");

    /// <summary>Loops that run now.</summary>
    public int Running { get; private set; }

    /// <summary>Runs before its start holds anything, and when it holds all.</summary>
    public Func<string, Task> At { get; set; } = _ => Task.CompletedTask;

    public Func<CancellationToken, Task> OnDrain { get; set; } = _ => Task.CompletedTask;

    public Func<CancellationToken, Task> OnStop { get; set; } = _ => Task.CompletedTask;

    public async Task StartAsync(CancellationToken ct)
    {
        asked.Enqueue($"start {name}");
        await At("begin");
        _lock = new(LockPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        _socket = BoundSocket.Bind(new(name, SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        var isRunning = new TaskCompletionSource();
        _loops.Run(name, async token =>
        {
            Running++;
            isRunning.SetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                Running--;
            }
        });
        await isRunning.Task;
        await At("end");
    }

    public async Task DrainAsync(CancellationToken ct)
    {
        asked.Enqueue($"drain {name}");
        await OnDrain(ct);
        asked.Enqueue($"drained {name}");
    }

    public async Task StopAsync(CancellationToken ct)
    {
        asked.Enqueue($"stop {name}");
        await _loops.StopAsync();
        _socket?.Dispose();
        _lock?.Dispose();
        await OnStop(ct);
    }

    /// <summary>What is left of it.</summary>
    public IEnumerable<string> Left()
    {
        if (Running > 0)
        {
            yield return $"{name}: its loop";
        }

        if (File.Exists(SocketPath))
        {
            yield return $"{name}: its socket";
        }

        if (_lock is { SafeFileHandle.IsClosed: false })
        {
            yield return $"{name}: its lock";
        }
    }
}
