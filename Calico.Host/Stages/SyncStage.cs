using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Follows the datastore, and keeps what it said for a start without it.</summary>
internal sealed class SyncStage(DatastoreFollower follower, LastKnown lastKnown, PolicySnapshot? snapshot, HeapTrim trim,
    DatastoreKind datastore, HostBasis basis) : IHostStage
{
    private readonly HostLoops _loops = new(basis.Health, basis.Loggers.CreateLogger<SyncStage>());

    public string Name => "sync";

    public string Doing => $"the datastore ({datastore.Name}) does not answer yet";

    public Task StartAsync(CancellationToken ct)
    {
        _loops.Run("sync", follower.RunAsync);
        _loops.Run("silence", follower.WatchSilenceAsync);
        _loops.Run("memory", trim.RunAsync);
        if (snapshot is not null)
        {
            _loops.Run("snapshot", snapshot.RunAsync);
            _loops.Run("last known", token => lastKnown.WatchAsync(() => follower.Health, token));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken ct) => _loops.StopAsync();
}
