using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Calico.Plugins.Cni;
using Calico.Plugins.Cni.Protocol;
using Calico.Plugins.Cni.Verbs;
using Calico.Shim.Wire;
using Calico.TestKit.Workloads;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.VectorTests.Cni;

/// <summary>The adapter's dispatcher over a fake node, with a host-local that counts up from its subnet.</summary>
internal sealed class CniUnderTest : IDelegateRunner, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-vector-");
    private readonly DelSpool _spool;
    private readonly CniDispatcher _dispatcher;
    private readonly Dictionary<string, int> _hostLocal = [];

    public CniUnderTest()
    {
        Settings = new CniSettings { MtuFile = Path.Combine(_folder.FullName, "mtu"), SpoolDir = Path.Combine(_folder.FullName, "spool") };
        var lookup = new EndpointLookup(Node.Network);
        var planner = new EndpointPlanner(Settings, Node.Status, TimeProvider.System, NullLogger<EndpointPlanner>.Instance);
        var release = new IpamRelease(Node.Ipam);
        var del = new DelVerb(Node.Network, lookup);
        _spool = new DelSpool(Settings, del, release, TimeProvider.System, NullLogger<DelSpool>.Instance);
        var add = new AddVerb(Node.Network, Node.Dataplane, Node.Namespaces, Node.Profiles, lookup, planner, new PoolFamilies(Node.Ipam),
            _spool, TimeProvider.System, NullLogger<AddVerb>.Instance);
        var verbs = new CniVerbs(add, del, new CheckVerb(Node.Network, lookup), new GcVerb(Node.Network, TimeProvider.System),
            new StatusVerb(Settings, Node.Status, new PoolFamilies(Node.Ipam)),
            new IpamVerbs(Node.Ipam, release, planner, new PoolFamilies(Node.Ipam), _spool));
        _dispatcher = new CniDispatcher(Settings, verbs, TimeProvider.System, NullLogger<CniDispatcher>.Instance);
    }

    public FakeNode Node { get; } = new("cni");

    public CniSettings Settings { get; }

    public (int ExitCode, string Output) Call(string verb, JsonObject configuration, IReadOnlyDictionary<string, string> environment,
        bool ipam = false)
    {
        var variables = new Dictionary<string, string>
        {
            ["CNI_COMMAND"] = verb,
            ["CNI_CONTAINERID"] = "c1",
            ["CNI_IFNAME"] = "eth0",
            ["CNI_NETNS"] = "/run/netns/n1",
            ["CNI_ARGS"] = "",
            ["CNI_PATH"] = "/opt/cni/bin",
        };
        foreach (var (name, value) in environment)
        {
            variables[name] = value;
        }

        var request = new ShimRequest(ipam ? ShimRole.Ipam : ShimRole.Network, false, [.. variables],
            Encoding.UTF8.GetBytes(configuration.ToJsonString()));
        var reply = _dispatcher.HandleAsync(request, null, this, null, CancellationToken.None).GetAwaiter().GetResult().Reply;
        return (reply.ExitCode, Encoding.UTF8.GetString(reply.Output.Span));
    }

    public Task<DelegateOutcome> RunAsync(DelegateRequest request, CancellationToken ct)
    {
        var verb = request.Environment.Single(v => v.Key == "CNI_COMMAND").Value;
        if (request.Type != "host-local")
        {
            return Task.FromResult(new DelegateOutcome(DelegateOutcome.NotRun,
                Encoding.UTF8.GetBytes($"failed to find plugin \"{request.Type}\" in path")));
        }

        if (verb != "ADD")
        {
            return Task.FromResult(new DelegateOutcome(0, ReadOnlyMemory<byte>.Empty));
        }

        var configuration = JsonNode.Parse(request.Input.Span)!.AsObject();
        var subnet = IPNetwork.Parse(configuration["ipam"]!["subnet"]!.GetValue<string>());
        var next = _hostLocal[subnet.ToString()] = _hostLocal.GetValueOrDefault(subnet.ToString(), 1) + 1;
        var bytes = subnet.BaseAddress.GetAddressBytes();
        bytes[^1] += (byte)next;
        var answer = CniResultWriter.Write(
            new CniResult { Addresses = [new CniAddress(new InterfaceAddress(new IPAddress(bytes), subnet.PrefixLength), null, null)] },
            NetworkConfiguration.Parse(request.Input).Version);
        return Task.FromResult(new DelegateOutcome(0, answer));
    }

    public void Dispose()
    {
        _folder.Delete(recursive: true);
    }
}
