using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Workloads;

/// <summary>Deletes links in bulk: one deletion waits about 20 ms for the kernel's grace period, a group shares the wait.</summary>
/// <remarks>A link that is to go is put into the group and forgotten. What a crashed process left in the group goes with the first
/// round. A link whose namespace died meanwhile is gone already, which is as good.</remarks>
internal sealed partial class LinkReaper(RouteSocket socket, DataplaneOptions options, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly SemaphoreSlim _work = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _guard = new();
    private readonly HashSet<string> _pending = new(StringComparer.Ordinal);
    private Task _round = Task.CompletedTask;

    /// <summary>Whether a link of that name waits for its deletion.</summary>
    public bool IsPending(string name)
    {
        lock (_guard)
        {
            return _pending.Contains(name);
        }
    }

    /// <summary>Takes a link that was put into the group.</summary>
    public void Take(string name)
    {
        lock (_guard)
        {
            _pending.Add(name);
            if (_round.IsCompleted && !_stop.IsCancellationRequested)
            {
                _round = RunAsync();
            }
        }
    }

    /// <summary>Deletes what waits now.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        await _work.WaitAsync(ct);
        try
        {
            // It waits for the kernel, so not on the caller's thread; once begun it is not left half-way.
            await Task.Run(Reap, CancellationToken.None);
        }
        finally
        {
            _work.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task round;
        lock (_guard)
        {
            round = _round;
        }

        await round;
        await FlushAsync(CancellationToken.None);
        socket.Dispose();
        _work.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await Task.Delay(options.ReapInterval, time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The disposal deletes what waits.
            return;
        }

        await FlushAsync(CancellationToken.None);
        lock (_guard)
        {
            if (_pending.Count > 0)
            {
                _round = RunAsync();
            }
        }
    }

    private void Reap()
    {
        string[] taken;
        lock (_guard)
        {
            taken = [.. _pending];
        }

        try
        {
            socket.Execute(b => b.DeleteLinkGroup(options.ReapGroup), Errno.NoDevice);
        }
        catch (NetlinkException e)
        {
            Log.NotReaped(logger, e.Message);
        }

        lock (_guard)
        {
            _pending.ExceptWith(taken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4201, LogLevel.Warning, "links that wait for their deletion were not deleted; tried again with the next: {Reason}")]
        public static partial void NotReaped(ILogger logger, string reason);
    }
}
