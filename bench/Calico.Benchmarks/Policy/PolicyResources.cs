using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Felix;

namespace Calico.Benchmarks.Policy;

/// <summary>Endpoints in groups, and policies whose rules are of the kinds that people write: a selector with a port, nets, a port
/// alone.</summary>
internal static class PolicyResources
{
    /// <summary>Labels of an endpoint of a group: its policies go by them.</summary>
    public static LocalEndpoint Endpoint(int number, int group, string? link = null, string? address = null) => new()
    {
        Id = new("bench", number.ToString(CultureInfo.InvariantCulture), "eth0"),
        InterfaceName = link ?? string.Create(CultureInfo.InvariantCulture, $"cali{(ulong)number * 2654435761 % 0xfffffffffff:x11}"),
        Addresses = [new(address is null ? new IPAddress([10, 66, (byte)(number / 256), (byte)number]) : IPAddress.Parse(address), 32)],
        Labels = ImmutableSortedDictionary<string, string>.Empty.Add("group", $"g{group}").Add("ten", $"t{group / 10}"),
        Profiles = ["open"],
    };

    public static StoredValue OpenProfile { get; } = StoredValue.Of(Kinds.Profile, "open",
        new ProfileSpec { Ingress = [new() { Action = "Allow" }], Egress = [new() { Action = "Allow" }] });

    public static StoredValue Policy(string name, double order, string selector, IEnumerable<Rule> ingress) => StoredValue.Of(
        Kinds.GlobalNetworkPolicy, name, new GlobalNetworkPolicySpec
        {
            Order = order,
            Selector = selector,
            Types = ["Ingress"],
            Ingress = [.. ingress],
        });

    /// <summary>Policies of three rules each, each of the endpoints of one group.</summary>
    public static IEnumerable<StoredValue> OfGroups(int policies, int groups, int sets) => Enumerable.Range(0, policies)
        .Select(p => Policy($"policy-{p}", p, $"group == 'g{p % groups}'", Three(p, sets)));

    /// <summary>Three rules, none of which matches what a client of the measurement sends.</summary>
    public static IEnumerable<Rule> Three(int number, int sets)
    {
        var port = 10_000 + number % 20_000;
        yield return new() { Action = "Allow", Protocol = new("TCP"), Source = new() { Selector = $"set == 's{number % sets}'" },
            Destination = Ports(port) };
        yield return new() { Action = "Allow", Protocol = new("UDP"), Source = new() { Nets = ["198.51.100.0/24", "203.0.113.0/24"] } };
        yield return new() { Action = "Deny", Protocol = new("TCP"), Destination = Ports(port + 1) };
    }

    public static Rule Tcp(int port, string action = "Allow") => new() { Action = action, Protocol = new("TCP"),
        Destination = Ports(port) };

    /// <summary>A network set of single addresses, which nobody else has.</summary>
    public static StoredValue Set(int number, int members) => StoredValue.Of(Kinds.GlobalNetworkSet, $"set-{number}",
        new GlobalNetworkSetSpec
        {
            Nets = [.. Members(number, members)],
        }, ("set", $"s{number}"));

    public static IEnumerable<string> Members(int number, int members) =>
        Enumerable.Range(number * members, members).Select(m => $"11.{m / 65536}.{m / 256 % 256}.{m % 256}/32");

    /// <summary>An endpoint of another node.</summary>
    public static StoredValue Remote(int number, string role) => Stored(number, ("role", role));

    public static StoredValue Stored(int number, params (string Key, string Value)[] labels)
    {
        var spec = new WorkloadEndpointSpec
        {
            Orchestrator = "k8s",
            Node = "worker",
            Pod = $"pod-{number}",
            Endpoint = "eth0",
            InterfaceName = $"cali{number:x11}",
            Profiles = ["open"],
            IpNetworks = [$"12.{number / 65536}.{number / 256 % 256}.{number % 256}/32"],
        };
        var name = WorkloadEndpointName.Of(spec).TryFormat(allowPrefix: false, out var text, out var wrong) ? text
            : throw new InvalidOperationException($"no name can be made of it: {wrong}");
        var endpoint = Kinds.WorkloadEndpoint.New(new ObjectMeta
        {
            Name = name,
            Namespace = "default",
            Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value),
        }, spec);
        return new(Kinds.WorkloadEndpoint.Path(Kinds.WorkloadEndpoint.KeyOf(endpoint)), Kinds.WorkloadEndpoint.EncodeValid(endpoint));
    }

    private static EntityRule Ports(int port) => new() { Ports = [new(port)] };
}
