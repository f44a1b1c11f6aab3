using System.Text;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>Applies updates one by one and refuses what a kernel would: a list before its IP set, an endpoint before its list, a removal
/// of what is in use, a member twice.</summary>
internal sealed class FakeDataplane
{
    private readonly SortedDictionary<string, SortedSet<IpSetMember>> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IpSetType> _types = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, EndpointUpdate> _endpoints = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, HostInterfaceUpdate> _interfaces = new(StringComparer.Ordinal);
    private readonly SortedDictionary<Cidr, string?> _routes = [];
    private NodeSettings? _settings;

    public void Apply(DataplaneUpdate update)
    {
        switch (update)
        {
            case SettingsUpdate settings:
                _settings = settings.Settings;
                break;
            case IpSetUpdate set:
                if (!_types.TryGetValue(set.Id, out var type) || type != set.Type)
                {
                    // Of another type it is another set, with all its members.
                    _types[set.Id] = set.Type;
                    _sets[set.Id] = [];
                }

                var members = _sets[set.Id];
                Assert.That(set.Removed.All(members.Remove), $"{set.Id}: removed what is not there");
                Assert.That(set.Added.All(members.Add), $"{set.Id}: added twice");
                break;
            case IpSetRemove set:
                Assert.That(_lists.Values.Any(l => l.Sets.Contains(set.Id)), Is.False, $"{set.Id} removed in use");
                Assert.That(_sets.Remove(set.Id) && _types.Remove(set.Id));
                break;
            case RuleListUpdate list:
                Assert.That(list.List.Sets.All(_sets.ContainsKey), $"{list.List.Id} before its IP sets");
                _lists[list.List.Id] = list.List;
                break;
            case RuleListRemove list:
                Assert.That(_endpoints.Values.Any(e => e.Ingress.Lists.Contains(list.Id) || e.Egress.Lists.Contains(list.Id)), Is.False,
                    $"{list.Id} removed in use");
                Assert.That(_interfaces.Values.SelectMany(i => i.Programs.All).SelectMany(p => p.Lists), Has.None.EqualTo(list.Id),
                    "removed in use");
                Assert.That(_lists.Remove(list.Id));
                break;
            case EndpointUpdate endpoint:
                Assert.That(endpoint.Ingress.Lists.Concat(endpoint.Egress.Lists).All(_lists.ContainsKey),
                    $"{endpoint.Id} before its lists");
                _endpoints[endpoint.Id.ToString()] = endpoint;
                break;
            case EndpointRemove endpoint:
                Assert.That(_endpoints.Remove(endpoint.Id.ToString()));
                break;
            case HostInterfaceUpdate host:
                Assert.That(host.Programs.All.SelectMany(p => p.Lists).All(_lists.ContainsKey), $"{host.InterfaceName} before its lists");
                _interfaces[host.InterfaceName] = host;
                break;
            case HostInterfaceRemove host:
                Assert.That(_interfaces.Remove(host.InterfaceName));
                break;
            case RouteUpdate route:
                _routes[route.Destination] = route.InterfaceName;
                break;
            case RouteRemove route:
                Assert.That(_routes.Remove(route.Destination));
                break;
            default:
                Assert.Fail($"unknown update {update}");
                break;
        }
    }

    public string Dump()
    {
        var text = new StringBuilder();
        if (_settings != new NodeSettings())
        {
            text.AppendLine($"settings {_settings}");
        }

        foreach (var (id, members) in _sets.Where(s => s.Value.Count > 0))
        {
            text.AppendLine($"set {id} {string.Join(' ', members)}");
        }

        foreach (var (id, list) in _lists.Where(l => !l.Value.Rules.IsEmpty))
        {
            text.AppendLine($"list {id}").AppendLine("  " + list.ToText().Replace("\n", "\n  ", StringComparison.Ordinal));
        }

        foreach (var (id, endpoint) in _endpoints)
        {
            text.AppendLine($"endpoint {id} {endpoint.InterfaceName} {endpoint.Gate} in {endpoint.Ingress} out {endpoint.Egress}");
        }

        foreach (var (name, host) in _interfaces)
        {
            // In the order of their hooks' names here; one that asks nothing is left out.
            string[] hooks = ["in", "out", "forward-in", "forward-out", "raw-in", "raw-out", "prednat"];
            var programs = hooks.Zip(host.Programs.All).Where(h => !h.Second.IsEmpty).Select(h => $"  {h.First} {h.Second}");
            text.AppendLine($"interface {name} of {host.HostEndpoint}");
            foreach (var program in programs)
            {
                text.AppendLine(program);
            }
        }

        foreach (var (destination, target) in _routes)
        {
            text.AppendLine($"route {destination.ToShortString()} {target ?? "blackhole"}");
        }

        return text.ToString().TrimEnd();
    }
}
