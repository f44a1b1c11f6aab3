using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Shows in the store that this host runs (<see cref="NodeHeartbeat"/>), so that nobody deletes its node by mistake.</summary>
/// <remarks>The key is looked at each time: a lease outlives a key that somebody deleted. A killed host's key is taken over.</remarks>
internal sealed partial class HostHeartbeat(IKeyValueStore store, string nodeName, string machineId, TimeProvider time,
    ILogger<HostHeartbeat> logger)
{
    private static readonly TimeSpan Interval = NodeHeartbeat.TimeToLive / 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // A stop does not wait for a store that is away; the lease ends by itself.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(1);

    private long _lease;

    /// <summary>Beats until cancelled, then takes the sign away: the node can be deleted at once.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await TryAsync("beat", BeatAsync, Patience, ct);
                await Task.Delay(Interval, time, ct);
            }
        }
        finally
        {
            await TryAsync("end", EndAsync, EndPatience, CancellationToken.None);
        }
    }

    /// <summary>Once.</summary>
    public async Task BeatAsync(CancellationToken ct)
    {
        if (_lease == 0 || !await store.KeepAliveAsync(_lease, ct))
        {
            _lease = await store.GrantLeaseAsync(NodeHeartbeat.TimeToLive, ct);
        }

        var key = NodeHeartbeat.Key(nodeName);
        if ((await store.GetAsync(key, 0, ct))?.Lease != _lease)
        {
            await store.CommitAsync(new(new StoreOperation.Put(key, Encoding.UTF8.GetBytes(machineId), _lease)), ct);
        }
    }

    private Task EndAsync(CancellationToken ct) => _lease == 0 ? Task.CompletedTask : store.RevokeLeaseAsync(_lease, ct);

    private async Task TryAsync(string what, Func<CancellationToken, Task> work, TimeSpan patience, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        try
        {
            await work(limit.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is CalicoException or OperationCanceledException)
        {
            // Tried again at the next beat; without a store nobody can delete the node either.
            Log.Missed(logger, what, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1361, LogLevel.Debug, "heartbeat: {What} did not reach the datastore: {Reason}")]
        public static partial void Missed(ILogger logger, string what, string reason);
    }
}
