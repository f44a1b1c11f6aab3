using System.Diagnostics.Metrics;
using Calico.Host.Node;
using Microsoft.AspNetCore.Http;

namespace Calico.Host.Health;

/// <summary>Who this host is, whether it is ready, and how each part is: <c>/live</c>, <c>/ready</c>, its share of the status, its meter.
/// </summary>
internal sealed class ReadinessRoutes : IControlRoutes, IStatusPart
{
    private readonly HostStatus _status;
    private readonly HealthBoard _health;
    private readonly TimeProvider _time;
    private readonly long _startedAt;

    public ReadinessRoutes(HostStatus status, HealthBoard health, HostMeters meters, TimeProvider time)
    {
        (_status, _health, _time, _startedAt) = (status, health, time, time.GetTimestamp());
        var meter = meters.Create("Calico.Host");
        meter.CreateObservableGauge("calico_ready", () => _status.CanConnect.Ready ? 1 : 0, null, "1 when workloads can be connected.");
        meter.CreateObservableGauge("process_resident_memory_bytes", () => Environment.WorkingSet, null, "Resident set size.");
        meter.CreateObservableGauge("process_uptime_seconds", () => Uptime.TotalSeconds, null, "Time since start.");
        meter.CreateObservableGauge("calico_health", () => _health.Lines.Select(line =>
            new Measurement<int>(line.Ok ? 1 : 0, new("part", line.Part), new KeyValuePair<string, object?>("check", line.Check))), null,
                "1 when a part says that it is well.");
    }

    public string Part => "host";

    public TimeSpan Uptime => _time.GetElapsedTime(_startedAt);

    public void Map(ControlRoutes routes)
    {
        routes.MapGet("/live", context => ControlApi.SayAsync(context, StatusCodes.Status200OK, "ok"));
        routes.MapGet("/ready", context => _status.CanConnect is { Ready: false, Reasons: var reasons }
            ? ControlApi.SayAsync(context, StatusCodes.Status503ServiceUnavailable, string.Join('\n', reasons))
            : ControlApi.SayAsync(context, StatusCodes.Status200OK, "ok"));
    }

    public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        var (ready, reasons) = _status.CanConnect;
        var lines = _health.Lines;
        return Task.FromResult<Func<StatusReport, StatusReport>>(report => report with
        {
            Node = _status.NodeName,
            Version = ThisVersion.Text,
            UptimeSeconds = Math.Round(Uptime.TotalSeconds, 1),
            Ready = ready,
            Reasons = reasons,
            Health = lines,
        });
    }
}
