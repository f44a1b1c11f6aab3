using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Globalization;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Follows the datastore and tells what it says to each of a list, in its order.</summary>
internal sealed partial class DatastoreFollower : IStatusPart
{
    /// <summary>A distant store that is well says so every five seconds, also while nothing changes.</summary>
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);
    private const int Shown = 5;

    private readonly Syncer _syncer;
    private readonly DatastoreKind _datastore;
    private readonly DatastoreView _view;
    private readonly ImmutableArray<IStoreFollower> _followers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <param name="syncer">Lists and watches.</param>
    /// <param name="datastore">Which store it is.</param>
    /// <param name="view">Where sync is; one of the followers keeps it.</param>
    /// <param name="followers">Told in this order.</param>
    /// <param name="basis">Shows checks and meter.</param>
    public DatastoreFollower(Syncer syncer, DatastoreKind datastore, DatastoreView view, ImmutableArray<IStoreFollower> followers,
        HostBasis basis)
    {
        (_syncer, _datastore, _view, _followers) = (syncer, datastore, view, followers);
        (_time, _logger) = (basis.Time, basis.Loggers.CreateLogger<DatastoreFollower>());
        basis.Health.Ask("datastore", "sync", WhyStale);
        basis.Health.Ask("datastore", "values", WhyUnusable);
        var meter = basis.Meters.Create("Calico.Datastore");
        meter.CreateObservableGauge("felix_resync_state", () => (int)_view.Sync.Status + 1, null,
            "1 waiting for the store, 2 resyncing, 3 in sync.");
        meter.CreateObservableGauge("calico_datastore_revision", () => _view.Sync.Revision, null,
            "Store revision that was last delivered.");
        meter.CreateObservableGauge("calico_datastore_age_seconds", () => _view.Sync.Age.TotalSeconds, null,
            "Time since the store last confirmed it.");
        meter.CreateObservableGauge("calico_datastore_failures", () => _syncer.Health.Failures, null,
            "Tries to reach the store that failed since it last answered.");
        meter.CreateObservableGauge("calico_datastore_unusable_values", () => _view.Unusable.Length, null,
            "Stored values that cannot be used; a profile or policy among them denies.");
    }

    public string Part => "datastore";

    /// <summary>Where sync is itself: what it has handed out may still be on its way to the followers.</summary>
    public SyncHealth Health => _syncer.Health;

    /// <summary>Follows until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var before = SyncStatus.WaitForStore;
        await foreach (var batch in _syncer.RunAsync(ct))
        {
            foreach (var follower in _followers)
            {
                follower.Accept(batch, before);
            }

            before = batch.Status;
        }
    }

    /// <summary>Says in the log when a store that fails nothing has fallen silent, and when it is heard again; until cancelled.</summary>
    public async Task WatchSilenceAsync(CancellationToken ct)
    {
        var wasSilent = false;
        while (true)
        {
            await Task.Delay(LookInterval, _time, ct);
            var isSilent = IsSilent;
            if (isSilent != wasSilent)
            {
                if (isSilent)
                {
                    Log.Silent(_logger, _datastore.Name, (int)_view.Sync.Age.TotalSeconds);
                }
                else
                {
                    Log.Heard(_logger, _datastore.Name);
                }

                wasSilent = isSilent;
            }
        }
    }

    public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var (status, _, age) = _view.Sync;
        return Task.FromResult<Func<StatusReport, StatusReport>>(report => report with
        {
            Datastore = report.Datastore with { Type = _datastore.Name, Status = status.ToString(),
                AgeSeconds = Math.Round(age.TotalSeconds, 1) },
        });
    }

    private bool IsSilent => !_datastore.IsEmbedded && _view.Sync is { Status: SyncStatus.InSync } sync && sync.Age > StaleAfter;

    private string? WhyStale() => _syncer.Health is { Failures: > 0, LastError: var error }
        ? string.Create(CultureInfo.InvariantCulture,
            $"the datastore ({_datastore.Name}) does not answer, tried {_syncer.Health.Failures} times; what it "
                + $"said {_view.Sync.Age.TotalSeconds:0} s ago is enforced: {error}")
        : IsSilent ? string.Create(CultureInfo.InvariantCulture,
            $"the datastore ({_datastore.Name}) has said nothing for {_view.Sync.Age.TotalSeconds:0} s; what it said last is enforced")
        : null;

    private string? WhyUnusable()
    {
        var unusable = _view.Unusable;
        return unusable.IsEmpty ? null
            : $"{unusable.Length} stored values cannot be used, a profile or policy "
            + $"among them denies: {string.Join("; ", unusable.Take(Shown).Select(u => $"{u.Key}: {u.Reason}"))}"
            + $"{(unusable.Length > Shown ? "; ..." : "")}; mend them: calicoctl get, replace";
    }

    private static partial class Log
    {
        [LoggerMessage(1060, LogLevel.Warning,
            "the datastore ({Datastore}) has said nothing for {Seconds} s; what it said last is enforced")]
        public static partial void Silent(ILogger logger, string datastore, int seconds);

        [LoggerMessage(1061, LogLevel.Information, "the datastore ({Datastore}) is heard again")]
        public static partial void Heard(ILogger logger, string datastore);
    }
}
