using Calico.Host.Stages;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Each adapter has its own endpoints, and none before the host is ready.</summary>
[TestFixture]
public sealed class OwnershipTests
{
    private static readonly WorkloadEndpointId Id = new("libnetwork", "libnetwork", "e1");
    private static readonly LiveReport NoneLives = new(true, DateTimeOffset.UnixEpoch, [], []);

    private static readonly string[] Refused = ["connect", "prepare", "attach", "update", "check", "watch", "stats"];
    private static readonly string[] Nothing = ["disconnect", "remove", "detach", "collect"];
    private static readonly string[] BehindTheGate = ["connect", "prepare", "attach", "disconnect", "remove", "collect"];

    private HostUnderTest _host = null!;
    private Attachment _attachment = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("docker");
        await _host.Dataplane.PrepareAsync(Spec(), CancellationToken.None);
        _attachment = await _host.Dataplane.AttachAsync(Id, "e1", Placement.HandedOver("temp1"), TimeSpan.FromSeconds(5), CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [TestCaseSource(nameof(Refused))]
    public async Task D_another_adapter_is_refused_an_endpoint_of_this_one(string what)
    {
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => DoAsync(Adapter("cni", isOpen: true), what, CancellationToken.None)))!;
        Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.AlreadyExists, $"adapter 'docker' has endpoint {Id}")));
        await AssertUntouchedAsync();
    }

    [TestCaseSource(nameof(Nothing))]
    public async Task D_another_adapter_takes_nothing_from_this_one(string what)
    {
        await DoAsync(Adapter("cni", isOpen: true), what, CancellationToken.None);
        await AssertUntouchedAsync();
    }

    [Test]
    public async Task D_another_adapter_does_not_see_an_endpoint_of_this_one()
    {
        var other = Adapter("cni", isOpen: true);
        Assert.That(await other.FindAsync(Id, CancellationToken.None), Is.Null);
        Assert.That(await other.ListAsync(null, CancellationToken.None), Is.Empty);
        Assert.That(await Adapter("docker", isOpen: true).FindAsync(Id, CancellationToken.None), Is.Not.Null);
    }

    [TestCaseSource(nameof(BehindTheGate))]
    public async Task D_before_the_host_is_ready_an_adapter_is_told_to_wait(string what)
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => DoAsync(Adapter("docker", isOpen: false), what, gone.Token)))!;
        Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.Unavailable, "calico-host is not ready yet: the host is starting")));
        await AssertUntouchedAsync();
    }

    [Test]
    public async Task D_before_the_host_is_ready_no_address_is_leased_and_none_is_released()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        var before = await _host.Addresses.ListAsync(null, null, CancellationToken.None);
        var closed = new AdapterIpam("docker", _host.Addresses, new StartGate());
        var claim = new AddressClaim { Handle = "early", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 };
        foreach (var call in (Func<Task>[])[() => closed.ClaimAsync(claim, gone.Token), () => closed.ReleaseAsync(before[0], gone.Token)])
        {
            var refusal = (await Assert.ThrowsAsync<CalicoException>(() => call()))!;
            Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.Unavailable, "calico-host is not ready yet: the host is starting")));
        }

        Assert.That(await _host.Addresses.ListAsync(null, null, CancellationToken.None), Is.EqualTo(before));
    }

    private AdapterWorkloads Adapter(string name, bool isOpen)
    {
        var gate = new StartGate();
        if (isOpen)
        {
            gate.Open();
        }

        return new(name, _host.Connector, gate, _host.View);
    }

    private async Task DoAsync(AdapterWorkloads adapter, string what, CancellationToken ct)
    {
        await (what switch
        {
            "connect" => adapter.ConnectAsync(Spec(), Placement.HandedOver("temp1"), ct),
            "prepare" => adapter.PrepareAsync(Spec(), ct),
            "attach" => adapter.AttachAsync(Id, "e1", Placement.HandedOver("temp1"), TimeSpan.FromSeconds(5), ct),
            "update" => adapter.UpdateAsync(Id, new() { Profiles = ["other"] }, ct),
            "check" => adapter.CheckAsync(Id, _attachment, ct),
            "watch" => FirstAsync(adapter.WatchAsync(Id, ct)),
            "stats" => adapter.StatsAsync(Id, ct),
            "disconnect" => adapter.DisconnectAsync(Id, null, ct),
            "remove" => adapter.RemoveAsync(Id, "e1", ct),
            "detach" => adapter.DetachAsync(Id, null, ct),
            "collect" => adapter.CollectAsync("", NoneLives, ct),
            _ => throw new ArgumentOutOfRangeException(nameof(what), what, null),
        });
    }

    private async Task AssertUntouchedAsync()
    {
        var now = await _host.Network.FindAsync(Id, CancellationToken.None);
        Assert.That((now?.State, now?.HostInterface), Is.EqualTo((EndpointState.Enforced, _attachment.HostInterface)));
        Assert.That(_host.Connector.Find(Id).Record.Profiles, Is.EqualTo(new[] { "net" }));
        Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { _attachment.HostInterface }));
    }

    private static EndpointSpec Spec() => new()
    {
        Id = Id,
        Instance = "e1",
        Profiles = ["net"],
        Claim = new() { Handle = "r1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
    };

    private static async Task FirstAsync<T>(IAsyncEnumerable<T> states)
    {
        await foreach (var _ in states)
        {
            return;
        }
    }
}
