using System.Net;
using System.Reflection;
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

    // Every call of every contract, those that come later included: a question too is answered with what is not read yet.
    private static IEnumerable<TestCaseData> BehindTheGate =>
        from contract in (Type[])[typeof(IWorkloadNetwork), typeof(IWorkloadDataplane), typeof(IIpam), typeof(IProfiles)]
        from method in contract.GetMethods()
        select new TestCaseData(method).SetArgDisplayNames($"{contract.Name}.{method.Name}");

    private HostUnderTest _host = null!;
    private Attachment _attachment = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("docker");
        await _host.Dataplane.PrepareAsync(Spec(), CancellationToken.None);
        _attachment = await _host.Dataplane.AttachAsync(Id, "e1", Placement.HandedOver("temp1"), TimeSpan.FromSeconds(5),
            CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [TestCaseSource(nameof(Refused))]
    public async Task D_another_adapter_is_refused_an_endpoint_of_this_one(string what)
    {
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => DoAsync(Adapter("cni"), what, CancellationToken.None)))!;
        Assert.That((refusal.Problem, refusal.Message), Is.EqualTo((Problem.AlreadyExists, $"adapter 'docker' has endpoint {Id}")));
        await AssertUntouchedAsync();
    }

    [TestCaseSource(nameof(Nothing))]
    public async Task D_another_adapter_takes_nothing_from_this_one(string what)
    {
        await DoAsync(Adapter("cni"), what, CancellationToken.None);
        await AssertUntouchedAsync();
    }

    [Test]
    public async Task D_another_adapter_does_not_see_an_endpoint_of_this_one()
    {
        var other = Adapter("cni");
        Assert.That(await other.FindAsync(Id, CancellationToken.None), Is.Null);
        Assert.That(await other.ListAsync(null, CancellationToken.None), Is.Empty);
        Assert.That(await Adapter("docker").FindAsync(Id, CancellationToken.None), Is.Not.Null);
    }

    [TestCaseSource(nameof(BehindTheGate))]
    public async Task D_before_the_host_is_ready_every_call_waits_and_nothing_is_done(MethodInfo method)
    {
        var gate = new StartGate();
        var workloads = new AdapterWorkloads("docker", _host.Connector, gate, _host.View, _host.View.Find);
        object contract = method.DeclaringType!.Name switch
        {
            nameof(IIpam) => new AdapterIpam("docker", _host.Addresses, gate),
            nameof(IProfiles) => new AdapterProfiles(_host.Profiles, gate),
            _ => workloads,
        };
        var before = await _host.Addresses.ListAsync(null, null, CancellationToken.None);
        using var gone = new CancellationTokenSource();
        var called = CallAsync(contract, method, before[0], gone.Token);
        await Task.Yield();
        Assert.That(called.IsCompleted, Is.False);
        await gone.CancelAsync();
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => called))!;
        Assert.That((refusal.Problem, refusal.Message),
            Is.EqualTo((Problem.Unavailable, "calico-host is not ready yet: the host is starting")));
        await AssertUntouchedAsync();
        Assert.That(await _host.Addresses.ListAsync(null, null, CancellationToken.None), Is.EqualTo(before));
    }

    private async Task CallAsync(object contract, MethodInfo method, AddressLease lease, CancellationToken ct)
    {
        object? ValueOf(ParameterInfo parameter) => parameter.ParameterType switch
        {
            var type when type == typeof(CancellationToken) => ct,
            var type when type == typeof(WorkloadEndpointId) => Id,
            var type when type == typeof(EndpointSpec) => Spec(),
            var type when type == typeof(Attachment) => _attachment,
            var type when type == typeof(Placement) => Placement.HandedOver("temp1"),
            var type when type == typeof(LiveReport) => NoneLives,
            var type when type == typeof(AddressLease) => lease,
            var type when type == typeof(AddressClaim) => new AddressClaim { Handle = "early", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
            var type when type == typeof(IPAddress) => lease.Address,
            var type when type == typeof(string) => parameter.Name == "instance" ? "e1" : "early",
            var type when type.IsValueType => Activator.CreateInstance(type),
            _ => null,
        };
        var called = method.Invoke(contract, [.. method.GetParameters().Select(ValueOf)]);
        await (called as Task ?? FirstAsync((IAsyncEnumerable<(EndpointState State, string Reason)>)called!));
    }

    private AdapterWorkloads Adapter(string name)
    {
        var gate = new StartGate();
        gate.Open();
        return new(name, _host.Connector, gate, _host.View, _host.View.Find);
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
