using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;

namespace Calico.Host.Workloads.Profiles;

/// <summary>A profile as adapters make it, and how one is told from a person's.</summary>
/// <remarks>Facts: whoever edits a profile keeps its annotations, so the name of the maker alone says nothing; the fingerprint of what was
/// made does. What this version cannot read is a person's: they wrote it, and it denies until they mend it.</remarks>
internal static class AdapterProfile
{
    /// <summary>Who made it, and a fingerprint of what: a profile whose spec is another now was edited, and is a person's from then on.
    /// </summary>
    private const string MadeBy = "net.calico/made-by";

    /// <summary>Since when no endpoint names it: it is collected unless somebody takes the note away first.</summary>
    private const string UnusedSince = "net.calico/unused-since";

    private const string Adapter = "adapter";
    private const int FingerprintBytes = 8;

    public static ResourceKind<ProfileSpec> Kind => Kinds.Profile;

    public static ResourceKey KeyOf(string name) => Kind.Key(name);

    /// <summary>What stands in a store or a log under a profile's name; without a value when this version cannot use it.</summary>
    public static SyncUpdate Read(string name, ReadOnlyMemory<byte> value) =>
        ResourceKinds.All.TryDecode(Kind.Path(KeyOf(name)), value, out var update) ? update
            : new(KeyOf(name), null, "this is no profile's name");

    public static Resource<ProfileSpec> Make(string name, ProfileDefaults defaults, DateTimeOffset now)
    {
        var spec = !defaults.OpenPorts.IsEmpty ? PortsOf(defaults.OpenPorts)
            : !defaults.Peers.IsEmpty ? PeersOf(defaults.Peers)
            : NetworkOf(name, defaults);
        return Kind.New(
            new ObjectMeta
            {
                Name = name,
                Uid = Guid.NewGuid().ToString(),
                CreationTimestamp = now,
                Annotations = ImmutableSortedDictionary<string, string>.Empty.Add(MadeBy, Mark(name, spec)),
            },
            spec);
    }

    private static ProfileSpec NetworkOf(string name, ProfileDefaults defaults)
    {
        var labels = defaults.LabelsToApply.Count > 0 ? defaults.LabelsToApply
            : ImmutableSortedDictionary<string, string>.Empty.Add(StoredNames.LabelKey(name), "");
        var members = new EntityRule { Selector = string.Join(" && ", labels.Keys.Select(k => $"has({k})")) };
        var allow = new Rule { Action = "Allow" };
        return new()
        {
            LabelsToApply = labels,
            Ingress = [defaults.OpenIngress && !defaults.Internal ? allow : allow with { Source = members }],
            Egress = [defaults.Internal ? allow with { Destination = members } : allow],
        };
    }

    private static ProfileSpec PortsOf(ImmutableArray<PublishedPort> ports) => new()
    {
        Ingress = [.. ports.GroupBy(p => p.Protocol).OrderBy(g => g.Key).Select(g => new Rule
        {
            Action = "Allow",
            Protocol = g.Key is ProtocolType.Tcp ? new("TCP") : g.Key is ProtocolType.Udp ? new("UDP") : new NumberOrString("SCTP"),
            Destination = new() { Ports = [.. g.Select(p => p.ContainerPort).Distinct().Order().Select(p => new NumberOrString(p))] },
        })],
    };

    /// <summary>A rule for each family: a rule of addresses is of one.</summary>
    private static ProfileSpec PeersOf(ImmutableArray<IPNetwork> peers)
    {
        var families = peers.GroupBy(p => p.BaseAddress.AddressFamily).OrderBy(g => g.Key)
            .Select(g => new EntityRule { Nets = [.. g.Select(p => p.ToString())] }).ToList();
        return new()
        {
            Ingress = [.. families.Select(f => new Rule { Action = "Allow", Source = f })],
            Egress = [.. families.Select(f => new Rule { Action = "Allow", Destination = f })],
        };
    }

    /// <summary>Whether an adapter made it and nobody has edited it since. Without a fingerprint it is of a version that wrote none.
    /// </summary>
    public static bool IsMade(SyncUpdate? stored) => Kind.TryRead(stored, out var profile)
        && MarkOf(profile) is { } mark && (mark == Adapter || mark == Mark(profile.Metadata.Name, profile.Spec));

    /// <summary>Whether an adapter made it, and made the same.</summary>
    public static bool IsSame(SyncUpdate? stored, Resource<ProfileSpec> made) => IsMade(stored) && MarkOf(stored!.Value!) == MarkOf(made);

    /// <summary>Whether it lets everybody in; null: it is not there, or no adapter made it.</summary>
    public static bool? IsOpen(SyncUpdate? stored) => IsMade(stored) && Kind.TryRead(stored, out var profile)
        ? profile.Spec.Ingress is [{ Action: "Allow", Source: null, Destination: null, Protocol: null }]
        : null;

    /// <summary>Whether members may reach members only; null: it is not there, or no adapter made it.</summary>
    public static bool? IsInternal(SyncUpdate? stored) => IsMade(stored) && Kind.TryRead(stored, out var profile)
        ? profile.Spec.Egress is [{ Destination: not null }]
        : null;

    /// <summary>Whether an adapter made it, and for something else: a network is not made into one of ports, nor one of addresses into a
    /// network.</summary>
    public static bool IsOfAnotherSort(SyncUpdate? stored, Resource<ProfileSpec> made) =>
        IsMade(stored) && Kind.TryRead(stored, out var profile)
        && (OnlyOpensPorts(profile.Spec), IsNetwork(profile.Spec)) != (OnlyOpensPorts(made.Spec), IsNetwork(made.Spec));

    private static bool IsNetwork(ProfileSpec spec) => spec.LabelsToApply is { IsEmpty: false };

    /// <summary>Whether an adapter made it for published ports, and nobody has edited it.</summary>
    private static bool OnlyOpensPorts(SyncUpdate? stored) =>
        IsMade(stored) && Kind.TryRead(stored, out var profile) && OnlyOpensPorts(profile.Spec);

    private static bool OnlyOpensPorts(ProfileSpec spec) =>
        spec is { Egress: null or { IsEmpty: true }, LabelsToApply: null or { IsEmpty: true }, Ingress: { IsEmpty: false } ingress }
        && ingress.All(r => r is { Source: null, Protocol: not null, Destination.Ports: not null });

    /// <summary>The profiles of an endpoint that decide. Where a person has written one of them, published ports open nothing: theirs
    /// decides
    /// alone.</summary>
    /// <param name="profiles">As the adapter named them.</param>
    /// <param name="find">What stands.</param>
    public static ImmutableArray<string> Ruling(ImmutableArray<string> profiles, Func<ResourceKey, SyncUpdate?> find) =>
        profiles.Length > 1 && profiles.Any(p => find(KeyOf(p)) is { } found && !IsMade(found)) ? profiles.RemoveAll(p =>
            OnlyOpensPorts(find(KeyOf(p)))) : profiles;

    /// <summary>When it was found unused; null: it counts as used.</summary>
    public static DateTimeOffset? UnusedSinceOf(SyncUpdate? stored) => stored?.Value?.Metadata.Annotations?.GetValueOrDefault(
        UnusedSince) is { } text
        ? DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var since) ? since
        : DateTimeOffset.MaxValue
        : null;

    public static Resource NoteUnused(Resource profile, DateTimeOffset since) => profile with
    {
        Metadata = profile.Metadata with
        {
            Annotations = (profile.Metadata.Annotations ?? ImmutableSortedDictionary<string, string>.Empty)
                .SetItem(UnusedSince, since.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)),
        },
    };

    private static string? MarkOf(Resource profile) => profile.Metadata.Annotations?.GetValueOrDefault(MadeBy);

    private static string Mark(string name, ProfileSpec spec)
    {
        var bare = Kind.Encode(Kind.New(name, spec));
        return $"{Adapter}/{Convert.ToHexStringLower(SHA256.HashData(bare).AsSpan(0, FingerprintBytes))}";
    }
}
