using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Calico.Host.Health;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Meters as Prometheus' text.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MetersTests : IDisposable
{
    private readonly HostMeters _meters = new(NullLogger<HostMeters>.Instance);

    public void Dispose() => _meters.Dispose();

    [Test]
    public async Task Each_kind_of_instrument_has_its_type_and_its_labels()
    {
        var meter = _meters.Create("a");
        meter.CreateObservableGauge("calico_g", () => 1.5, null, "A gauge\nin two lines.");
        meter.CreateObservableCounter("calico_o_total",
            () => new Measurement<long>[] { new(2, Tag("reason", "a\"b\\c\nd")), new(3, Tag("reason", "x")) });
        var counter = meter.CreateCounter<int>("docker.calls", null, "Calls.");
        counter.Add(2, Tag("call.kind", "Join"));
        counter.Add(5, Tag("call.kind", "Join"));
        meter.CreateUpDownCounter<long>("open").Add(-1);
        var histogram = meter.CreateHistogram("add_seconds", null, "How long.", null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        histogram.Record(0.05, Tag("stage", "plan"));
        histogram.Record(0.5, Tag("stage", "plan"));
        histogram.Record(7, Tag("stage", "plan"));
        Assert.That(await _meters.WriteAsync(CancellationToken.None), Is.EqualTo("""
            # HELP calico_g A gauge\nin two lines.
            # TYPE calico_g gauge
            calico_g 1.5
            # HELP calico_o_total 
            # TYPE calico_o_total counter
            calico_o_total{reason="a\"b\\c\nd"} 2
            calico_o_total{reason="x"} 3
            # HELP docker_calls Calls.
            # TYPE docker_calls counter
            docker_calls{call_kind="Join"} 7
            # HELP open 
            # TYPE open gauge
            open -1
            # HELP add_seconds How long.
            # TYPE add_seconds histogram
            add_seconds_bucket{stage="plan",le="0.1"} 1
            add_seconds_bucket{stage="plan",le="1"} 2
            add_seconds_bucket{stage="plan",le="+Inf"} 3
            add_seconds_sum{stage="plan"} 7.55
            add_seconds_count{stage="plan"} 3

            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public async Task What_is_gone_is_not_told_again_and_others_meters_are_not_told_at_all()
    {
        var labels = new List<string> { "a", "b" };
        _meters.Create("a").CreateObservableGauge("mine", () => labels.Select(l => new Measurement<int>(1, Tag("is", l))));
        using var foreign = new Meter("a");
        foreign.CreateObservableGauge("foreign", () => 1);
        using var others = new HostMeters(NullLogger<HostMeters>.Instance);
        others.Create("a").CreateObservableGauge("others", () => 1);
        Assert.That(await _meters.WriteAsync(CancellationToken.None),
            Does.Contain("mine{is=\"a\"} 1").And.Contain("mine{is=\"b\"} 1").And.Not.Contain("foreign").And.Not.Contain("others"));
        labels.Remove("a");
        Assert.That(await _meters.WriteAsync(CancellationToken.None), Does.Not.Contain("\"a\"").And.Contain("mine{is=\"b\"} 1"));
    }

    [Test]
    public async Task Two_instruments_of_one_name_have_one_head()
    {
        _meters.Create("a").CreateObservableGauge("same", () => new Measurement<int>(1, Tag("of", "a")));
        _meters.Create("b").CreateObservableGauge("same", () => new Measurement<int>(2, Tag("of", "b")));
        Assert.That(await _meters.WriteAsync(CancellationToken.None),
            Is.EqualTo("# HELP same \n# TYPE same gauge\nsame{of=\"a\"} 1\nsame{of=\"b\"} 2\n"));
    }

    [Test]
    public async Task S4_a_part_that_cannot_be_read_hides_no_other()
    {
        var meter = _meters.Create("a");
        meter.CreateObservableGauge("broken", int () => throw new InvalidOperationException("no"));
        meter.CreateObservableGauge("whole", () => 1);
        _meters.BeforeReading(_ => throw new CalicoException(Problem.Unavailable, "the dataplane loop has ended"));
        Assert.That(await _meters.WriteAsync(CancellationToken.None), Does.Contain("whole 1").And.Not.Contain("broken 0"));
    }

    [Test]
    public async Task Metrics_are_served_over_TCP_and_nothing_else_is()
    {
        _meters.Create("a").CreateObservableGauge("felix_resync_state", () => 3);
        var health = new HealthBoard();
        await using var server = new MetricsServer(_meters, health, NullLoggerFactory.Instance);
        var address = FreeAddress();
        await server.ListenAsync(address, CancellationToken.None);
        using var client = new HttpClient { BaseAddress = new($"http://{address}") };
        using var answer = await client.GetAsync("/metrics");
        Assert.That((answer.Content.Headers.ContentType!.ToString(), await answer.Content.ReadAsStringAsync()),
            Is.EqualTo(("text/plain; version=0.0.4",
                "# HELP felix_resync_state \n# TYPE felix_resync_state gauge\nfelix_resync_state 3\n")));
        using var status = await client.GetAsync("/status");
        Assert.That(status.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(health.Lines.Single(), Is.EqualTo(new HealthLine("host", "metrics", true, "", false)));
    }

    [Test]
    public async Task S4_a_port_that_is_taken_is_said_and_ends_nothing()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var (health, log) = (new HealthBoard(), new LogLines());
        await using var server = new MetricsServer(_meters, health, log);
        await server.ListenAsync((IPEndPoint)taken.LocalEndpoint, CancellationToken.None);
        Assert.That(health.Lines.Single(l => !l.Ok).Reason,
            Does.StartWith($"not served on {taken.LocalEndpoint}: ").And.Contain("FELIX_PROMETHEUSMETRICSPORT"));
        Assert.That(log.Lines, Has.Some.StartsWith($"Error: metrics are not served on {taken.LocalEndpoint}: "));
        Assert.That(health.NotReady, Is.Empty);
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private static IPEndPoint FreeAddress()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return (IPEndPoint)probe.LocalEndpoint;
    }
}
