using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.UnitTests.Ipam;

/// <summary>A store with pools and nodes, for tests of IPAM.</summary>
internal sealed class IpamCluster
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/";

    private IpamCluster(InMemoryStore store, TimeProvider time)
    {
        Store = store;
        Time = time;
    }

    public InMemoryStore Store { get; }

    public TimeProvider Time { get; }

    public IpamClient Client => new(Store, null, Time);

    public static IpamCluster Create(TimeProvider? time = null)
    {
        var clock = time ?? TimeProvider.System;
        return new(new InMemoryStore(clock), clock);
    }

    public IpamCluster Pool(string cidr, int blockSize, string more = "")
    {
        var name = "pool-" + cidr.Replace('/', '-').Replace(':', '.');
        Store.Set($"{Resources}ippools/{name}",
            $$"""{"kind":"IPPool","metadata":{"name":"{{name}}"},"spec":{"cidr":"{{cidr}}","blockSize":{{blockSize}}{{more}} } }""");
        return this;
    }

    public IpamCluster Node(string name)
    {
        Store.Set($"{Resources}nodes/{name}", $$"""{"kind":"Node","metadata":{"name":"{{name}}"},"spec":{} }""");
        return this;
    }

    public NodeIpam NodeIpam(string node, INodeLog log, int parked = 0, IKeyValueStore? store = null,
        Func<NodeIpamOptions, NodeIpamOptions>? with = null,
        Outbox? outbox = null)
    {
        // Patient, so that a busy machine does not decide which way an operation goes.
        var options = new NodeIpamOptions
        {
            NodeName = node,
            ParkedAddresses = parked,
            StorePatience = TimeSpan.FromSeconds(20),
            StoreDeadline = TimeSpan.FromSeconds(20),
        };
        return new(store ?? Store, log, outbox ?? Outbox(log, store), with?.Invoke(options) ?? options, Time,
            NullLogger<NodeIpam>.Instance);
    }

    public Outbox Outbox(INodeLog log, IKeyValueStore? store = null) => new(log, store ?? Store, Time, NullLogger<Outbox>.Instance);

    public static AddressClaim Claim(string handle, int ipv4 = 1, int ipv6 = 0, LeasePurpose purpose = LeasePurpose.Endpoint) =>
        new() { Handle = handle, Purpose = purpose, Ipv4 = ipv4, Ipv6 = ipv6 };

    public static WorkloadEndpointId Endpoint(string name) => new("cni", name, "eth0");

    /// <summary>Allocated addresses with their handles, from the store, whatever its faults.</summary>
    public ImmutableSortedDictionary<string, string> Allocations()
    {
        var found = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var block in Blocks())
        {
            foreach (var ordinal in block.AllocatedOrdinals)
            {
                found.Add(block.AddressOf(ordinal).ToString(), block.AttributeOf(ordinal)!.HandleId ?? "");
            }
        }

        return found.ToImmutable();
    }

    public ImmutableArray<AllocationBlock> Blocks() =>
        [.. Store.Snapshot(IpamKeys.Assignments).Select(k => AllocationBlock.FromSpec(ResourceJson.Read<IpamBlockSpec>(k.Value.Span)))];

    /// <summary>What of blocks, handles and affinities does not agree.</summary>
    public ImmutableArray<string> Disagreements()
    {
        var wrong = ImmutableArray.CreateBuilder<string>();
        var counted = Blocks()
            .SelectMany(b => b.AllocatedOrdinals.Select(o => (Handle: b.AttributeOf(o)!.HandleId!, Block: b.Cidr.ToString())))
            .CountBy(c => c).ToDictionary();
        var stored = Store.Snapshot(IpamKeys.Handles).SelectMany(k => ResourceJson.Read<IpamHandleValue>(k.Value.Span).Block
            .Select(b => (Key: (Handle: k.Key[IpamKeys.Handles.Length..], Block: b.Key), b.Value))).ToDictionary(b => b.Key, b => b.Value);
        foreach (var key in counted.Keys.Union(stored.Keys))
        {
            if (counted.GetValueOrDefault(key) != stored.GetValueOrDefault(key))
            {
                wrong.Add($"handle {key.Handle} has {counted.GetValueOrDefault(key)} in {key.Block}, and "
                    + $"says {stored.GetValueOrDefault(key)}");
            }
        }

        foreach (var affinity in Store.Snapshot(IpamKeys.Hosts))
        {
            if (IpamKeys.TryParseAffinity(affinity.Key, out var owner, out var cidr)
                && Blocks().FirstOrDefault(b => b.Cidr.ToString() == cidr)?.Affinity != owner)
            {
                wrong.Add($"{owner} has an affinity to {cidr}, whose block has not");
            }
        }

        return wrong.ToImmutable();
    }

    public static string Text(ReadOnlyMemory<byte> value) => Encoding.UTF8.GetString(value.Span);

    public static IPAddress Ip(string text) => IPAddress.Parse(text);
}
