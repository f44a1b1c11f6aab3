using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Globalization;
using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Timings;

/// <summary>Where the time of calls goes: a meter, a share of the status, and a line at debug for each.</summary>
/// <remarks>Counted after the answer; a call waits for none of it.</remarks>
internal sealed partial class CallTimings : IStatusPart
{
    /// <summary>The stage that stands for all: what the caller waited.</summary>
    public const string Total = "total";

    /// <summary>Names come from adapters. One that makes them up as it goes must not fill the memory.</summary>
    private const int MaxSeries = 256;

    /// <summary>Seconds: a system call to a call that is given up.</summary>
    private static readonly double[] Bounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly Lock _guard = new();
    private readonly Dictionary<(string Adapter, string Call, string Stage), StageSeries> _series = [];
    private readonly Histogram<double> _stages;
    private readonly Histogram<double> _writes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public CallTimings(HostMeters meters, TimeProvider time, ILogger<CallTimings> logger)
    {
        (_time, _logger) = (time, logger);
        var meter = meters.Create("Calico.Host.Timings");
        _stages = meter.CreateHistogram("calico_call_stage_seconds", "s",
            "What calls of adapters spend in each stage; total: what the caller waited.",
            null, new InstrumentAdvice<double> { HistogramBucketBoundaries = Bounds });
        _writes = meter.CreateHistogram("calico_store_write_seconds", "s", "Writing a batch to this node's disk, its sync included.",
            null, new InstrumentAdvice<double> { HistogramBucketBoundaries = Bounds });
    }

    public string Part => "timings";

    public ICallTimings Of(string adapter) => new AdapterTimings(this, adapter, _time);

    /// <summary>The embedded store has written a batch: the greater part of a lone call's <c>commit</c>.</summary>
    public void CountWrite(TimeSpan took)
    {
        lock (_guard)
        {
            SeriesOf("store", "write", "sync")?.Add(took);
        }

        _writes.Record(took.TotalSeconds);
    }

    /// <summary>A call is over.</summary>
    public void Count(TimedCall call)
    {
        var total = new StageTime(Total, call.Stages.Where(s => !s.IsBeside).Aggregate(TimeSpan.Zero, (sum, s) => sum + s.Took),
            IsBeside: false);
        var name = call.HasFailed ? $"{call.Verb} failed" : call.Verb;
        foreach (var stage in call.Stages.Append(total))
        {
            lock (_guard)
            {
                if (SeriesOf(call.Adapter, name, stage.Stage) is not { } series)
                {
                    continue;
                }

                series.Add(stage.Took);
            }

            _stages.Record(stage.Took.TotalSeconds, new("adapter", call.Adapter), new("verb", call.Verb),
                new("outcome", call.HasFailed ? "failed" : "done"), new("stage", stage.Stage));
        }

        if (_logger.IsEnabled(LogLevel.Debug))
        {
            Log.Call(_logger, call.Adapter, name, call.Subject, total.Took.TotalMilliseconds, string.Join(", ", call.Stages.Select(s =>
                string.Create(CultureInfo.InvariantCulture,
                    $"{s.Stage} {s.Took.TotalMilliseconds:0.000}{(s.IsBeside ? " (within)" : "")}"))));
        }
    }

    public Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
    {
        ImmutableArray<TimingReport> rows;
        lock (_guard)
        {
            rows = [.. _series.Select(s => s.Value.Report(s.Key.Adapter, s.Key.Call, s.Key.Stage))
                .GroupBy(r => (r.Adapter, r.Call)).OrderBy(g => g.Key)
                // As they came, what waited for all of it last: a stage that only some calls have may have come after it.
                .SelectMany(g => g.OrderBy(r => r.Stage == Total))];
        }

        return Task.FromResult<Func<StatusReport, StatusReport>>(report => report with { Timings = rows });
    }

    private StageSeries? SeriesOf(string adapter, string call, string stage)
    {
        if (!_series.TryGetValue((adapter, call, stage), out var series) && _series.Count < MaxSeries)
        {
            _series.Add((adapter, call, stage), series = new());
        }

        return series;
    }

    private static partial class Log
    {
        [LoggerMessage(1195, LogLevel.Debug, "{Adapter} {Call} of {Subject} took {Milliseconds:0.000} ms: {Stages}")]
        public static partial void Call(ILogger logger, string adapter, string call, string subject, double milliseconds, string stages);
    }
}
