using System.Collections.Immutable;
using System.Globalization;
using Calico.Dataplane.Drops;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;
using Calico.Host.Workloads;
using Microsoft.AspNetCore.Http;

namespace Calico.Host.Health;

/// <summary>The latest packets that were dropped here, for those who look: <c>/drops/recent?after=NUMBER</c>.</summary>
/// <remarks>Bounded: packets alike within a second are one entry, and of the entries the last <see cref="Kept"/> are kept, and as many of
/// staged ones. Written on the watch's thread, read on any.</remarks>
internal sealed class DropLog(EndpointBook book, TimeProvider time) : IControlRoutes
{
    public const int Kept = 1000;

    private static readonly TimeSpan Together = TimeSpan.FromSeconds(1);

    private readonly Lock _guard = new();
    private readonly Queue<Entry> _dropped = [];

    /// <summary>What staged policies would drop; apart, so that it never drives out what was dropped.</summary>
    private readonly Queue<Entry> _staged = [];
    private readonly Dictionary<DropReport, Entry> _open = [];
    private long _number;

    /// <summary>At once.</summary>
    public void Note(DroppedPacket packet)
    {
        var (now, alike) = (time.GetUtcNow(), Describe(packet));
        lock (_guard)
        {
            if (_open.TryGetValue(alike, out var entry) && now - entry.Report.Time < Together)
            {
                entry.Report = entry.Report with { Packets = entry.Report.Packets + 1 };
                return;
            }

            entry = new(alike) { Report = alike with { Number = ++_number, Time = now, Packets = 1 } };
            _open[alike] = entry;
            var entries = packet.IsStaged ? _staged : _dropped;
            entries.Enqueue(entry);
            while (entries.Count > Kept)
            {
                var oldest = entries.Dequeue();
                if (_open.TryGetValue(oldest.Alike, out var latest) && latest == oldest)
                {
                    _open.Remove(oldest.Alike);
                }
            }
        }
    }

    /// <summary>In order. The youngest second is left out: its entries still grow.</summary>
    /// <param name="after">Only later ones than this number.</param>
    public ImmutableArray<DropReport> List(long after)
    {
        var settled = time.GetUtcNow() - Together;
        lock (_guard)
        {
            return [.. _dropped.Concat(_staged).Select(entry => entry.Report)
                .Where(report => report.Number > after && report.Time <= settled).OrderBy(report => report.Number)];
        }
    }

    public void Map(ControlRoutes routes) => routes.MapGet("/drops/recent", async context =>
    {
        if (!long.TryParse(context.Request.Query["after"].FirstOrDefault() ?? "0", NumberStyles.None, CultureInfo.InvariantCulture,
            out var after))
        {
            await ControlApi.SayAsync(context, StatusCodes.Status400BadRequest, "after: a number is expected");
            return;
        }

        await ControlApi.WriteAsync(context, List(after), StatusJson.Default.ImmutableArrayDropReport);
    });

    private DropReport Describe(DroppedPacket packet)
    {
        var own = book.TryFindByInterface(packet.InterfaceName, out var id) ? NameOf(id) : packet.InterfaceName.Length > 0 ? "host" : "";
        var peer = packet.Packet is { } p ? packet.Direction == PolicyDirection.Ingress ? p.Source : p.Destination : (Cidr?)null;
        var other = peer is { } address && book.WhoHas(address.FirstAddress()) is { } who ? NameOf(who) : "";
        var (policy, rule) = packet.Rule switch
        {
            null => ("", -1),
            { IsEndOfTier: true } end => ($"end of tier {end.Tier}", -1),
            { Note.Length: > 0 } unusable when packet.IsStaged => ($"{unusable.Tier}/{unusable.Source}, unusable: {unusable.Note}", -1),
            { RuleIndex: < 0 } whole when packet.IsStaged => ($"{whole.Tier}/{whole.Source}, end of tier {whole.Tier}", -1),
            var by => ((by.Tier.Length > 0 ? by.Tier + "/" : "") + by.Source, by.RuleIndex),
        };
        return new(0, default, 0, own, packet.InterfaceName, packet.Direction == PolicyDirection.Ingress ? "ingress" : "egress",
            peer?.ToShortString() ?? "", other, ProtocolOf(packet.Packet?.Protocol), PortOf(packet.Packet), packet.Reason, policy, rule);
    }

    private string NameOf(WorkloadEndpointId id) =>
        book.TryFind(id, out var life) && EndpointReports.NameOf(life.Record) is { Length: > 0 } name ? name : id.ToString();

    private static string ProtocolOf(byte? protocol) => protocol switch
    {
        null => "",
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        132 => "sctp",
        var number => number.Value.ToString(CultureInfo.InvariantCulture),
    };

    private static int PortOf(FirstPacket? packet) => packet is not { } given ? 0 : given.Icmp is { } icmp ? icmp.Type
        : given.DestinationPort;

    private sealed class Entry(DropReport alike)
    {
        /// <summary>Without number, time and count.</summary>
        public DropReport Alike => alike;

        public required DropReport Report { get; set; }
    }
}
