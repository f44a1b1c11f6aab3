using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Calico.Dataplane;
using Calico.Dataplane.Strangers;

namespace Calico.Host.Health;

/// <summary>How the dataplane is, for those who look: its checks, its meter, its share of the status, <c>/drops</c>.</summary>
internal sealed partial class KernelHealth : IControlRoutes, IStatusPart
{
    /// <summary>So long an undone change of others is worth a warning.</summary>
    private static readonly TimeSpan WorthSaying = TimeSpan.FromHours(1);

    private readonly Func<DataplaneStatus> _status;
    private readonly KernelCounters _counters;
    private readonly TimeProvider _time;
    private readonly HealthCheck _kernel;
    private readonly Lock _guard = new();
    private string? _lastError;
    private long _refusals;
    private long _healed;
    private long _healedAt;

    /// <param name="status">Where the dataplane is.</param>
    /// <param name="counters">Have the dropped packets.</param>
    /// <param name="health">Shows its checks.</param>
    /// <param name="meters">Collect its meter.</param>
    /// <param name="time">Clock of what is recent.</param>
    public KernelHealth(Func<DataplaneStatus> status, KernelCounters counters, HealthBoard health, HostMeters meters, TimeProvider time)
    {
        (_status, _counters, _time, _kernel) = (status, counters, time, health.Check("dataplane", "kernel"));
        var meter = meters.Create("Calico.Dataplane");
        meter.CreateObservableGauge("calico_enforced_revision", () => _status().EnforcedRevision, null,
            "Store revision that the kernel enforces.");
        meter.CreateObservableGauge("calico_dataplane_heals", () => _status().Healed, null,
            "Changes of others to this node's rules, routes and settings that were undone.");
        meter.CreateObservableGauge("calico_dataplane_last_heal_seconds", () => _status().LastHeal.TotalSeconds, null,
            "How long the latest of those stood after the kernel had told of it.");
        meter.CreateObservableCounter("calico_dataplane_refusals_total", () => Interlocked.Read(ref _refusals), null,
            "Reasons for which the kernel did not hold what is desired; a refusal that only repeats counts once.");
        meter.CreateObservableCounter("calico_dropped_packets_total", () => counters.Collected.Drops.Select(drop =>
            new Measurement<long>(drop.Value, new KeyValuePair<string, object?>("reason", drop.Key))), null, "Packets dropped, by reason.");
    }

    public string Part => "dataplane";

    /// <summary>What a person needs of a text that may begin with a type's name and have a trace below it.</summary>
    public static string Line(string error) => TypeName().Replace(error.Split('\n')[0].Trim(), "");

    /// <summary>Has the loop and the way through others' chains tell of themselves.</summary>
    public void Follow(DataplaneLoop loop, ForwardPath forward, HealthBoard health)
    {
        loop.Changed += (_, _) => Notice();
        health.Ask("dataplane", "forward path", () => forward.Problems is { IsEmpty: false } problems ? string.Join("; ", problems) : null);
    }

    /// <summary>The status is another now. At once.</summary>
    public void Notice()
    {
        var status = _status();
        lock (_guard)
        {
            if (status.LastError is { } error && error != _lastError)
            {
                Interlocked.Increment(ref _refusals);
            }

            _lastError = status.LastError;
            if (status.Healed > _healed)
            {
                (_healed, _healedAt) = (status.Healed, _time.GetTimestamp());
            }
        }

        if (status.LastError is null)
        {
            _kernel.Well();
        }
        else
        {
            _kernel.Fail(Line(status.LastError));
        }
    }

    public void Map(ControlRoutes routes) => routes.MapGet("/drops", async context =>
        await ControlApi.WriteAsync(context, (await _counters.ReadAsync(context.RequestAborted)).Drops,
            StatusJson.Default.ImmutableSortedDictionaryStringInt64));

    public async Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var (drops, _) = await _counters.ReadAsync(ct);
        return report => report with { Drops = drops };
    }

    /// <summary>Its warnings are in memory: they are shown also when the loop does not answer.</summary>
    public IStatusPart Warnings => new HealWarnings(this);

    private WarningReport? Heal()
    {
        var status = _status();
        TimeSpan age;
        lock (_guard)
        {
            if (_healed == 0 || _time.GetElapsedTime(_healedAt) is var since && since > WorthSaying)
            {
                return null;
            }

            age = since;
        }

        var stood = status.LastHeal > TimeSpan.Zero
            ? string.Create(CultureInfo.InvariantCulture, $", which stood {status.LastHeal.TotalMilliseconds:0} ms") : "";
        return new("kernel", string.Create(CultureInfo.InvariantCulture,
            $"others changed this node's rules, routes or links {status.Healed} times since the start, and it was undone; "
            + $"the latest, {age.TotalSeconds:0} s ago: {status.LastHealed}{stood}"), "nft monitor");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_.]+Exception( \(0x[0-9A-Fa-f]+\))?: ")]
    private static partial Regex TypeName();

    private sealed class HealWarnings(KernelHealth of) : IStatusPart
    {
        public string Part => of.Part;

        public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
        {
            var warning = of.Heal();
            return Task.FromResult<Func<StatusReport, StatusReport>>(report => warning is null ? report
                : report with { Warnings = report.Warnings.Add(warning) });
        }
    }
}
