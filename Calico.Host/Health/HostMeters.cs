using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Health;

/// <summary>Makes the meters of this host's parts and adapters, and collects them: <c>GET /metrics</c> in Prometheus' text format.
/// </summary>
/// <remarks>
/// An instrument's name is the metric's, its description the help, its kind the type; tags become labels. Upstream's names where upstream
/// has the metric. Only meters of this factory are collected: the framework has its own. A callback that throws loses its own values only.
/// </remarks>
internal sealed partial class HostMeters : IMeterFactory
{
    /// <summary>For a part; who collects waits ten seconds for all.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock _guard = new();
    private readonly MeterListener _listener = new();
    private readonly List<MeterSeries> _series = [];
    private readonly List<Meter> _meters = [];
    private readonly List<Func<CancellationToken, Task>> _refreshes = [];
    private readonly ILogger _logger;

    public HostMeters(ILogger<HostMeters> logger)
    {
        _logger = logger;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, this))
            {
                var series = new MeterSeries(instrument);
                lock (_guard)
                {
                    _series.Add(series);
                }

                listener.EnableMeasurementEvents(instrument, series);
            }
        };
        Listen<int>(value => value);
        Listen<long>(value => value);
        Listen<float>(value => value);
        Listen<double>(value => value);
        _listener.Start();
    }

    /// <inheritdoc/>
    public Meter Create(MeterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var meter = new Meter(options.Name, options.Version, options.Tags, this);
        lock (_guard)
        {
            _meters.Add(meter);
        }

        return meter;
    }

    /// <summary>Called before each collection, for values that are not in memory.</summary>
    public void BeforeReading(Func<CancellationToken, Task> refresh)
    {
        lock (_guard)
        {
            _refreshes.Add(refresh);
        }
    }

    /// <summary>All metrics now.</summary>
    public async Task<string> WriteAsync(CancellationToken ct)
    {
        Func<CancellationToken, Task>[] refreshes;
        lock (_guard)
        {
            refreshes = [.. _refreshes];
        }

        foreach (var refresh in refreshes)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(Patience);
            try
            {
                await refresh(limit.Token).WaitAsync(limit.Token);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // Its own values are missing; a scrape that fails would hide all others.
                Log.NotRead(_logger, e.Message);
            }
        }

        lock (_guard)
        {
            return Write();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        foreach (var meter in _meters)
        {
            meter.Dispose();
        }
    }

    private string Write()
    {
        foreach (var series in _series)
        {
            series.Begin();
        }

        try
        {
            _listener.RecordObservableInstruments();
        }
        catch (AggregateException e)
        {
            Log.NotRead(_logger, string.Join("; ", e.Flatten().InnerExceptions.Select(cause => cause.Message)));
        }

        var text = new StringBuilder();
        foreach (var group in _series.GroupBy(series => series.Name))
        {
            var isFirst = true;
            foreach (var series in group)
            {
                series.Write(text, isFirst);
                isFirst = false;
            }
        }

        return text.ToString();
    }

    private void Listen<T>(Func<T, double> convert) where T : struct => _listener.SetMeasurementEventCallback<T>((_, value, tags, state) =>
    {
        lock (_guard)
        {
            ((MeterSeries)state!).Record(convert(value), tags);
        }
    });

    private static partial class Log
    {
        [LoggerMessage(1010, LogLevel.Debug, "some metrics cannot be read: {Reason}")]
        public static partial void NotRead(ILogger logger, string reason);
    }
}
