using Calico.Dataplane.Translation;
using Calico.Felix.Rules;
using Calico.Linux.Netlink;
using Calico.Linux.Nflog;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging;

namespace Calico.Dataplane.Drops;

/// <summary>Tells of packets that were dropped: by which rule, and whose they were.</summary>
/// <remarks>A look at what the kernel's rate limit lets through; the counters have all. Nothing that goes wrong here concerns
/// enforcement.</remarks>
internal sealed partial class DropWatch(HostNetwork network, DataplaneOptions options, Func<uint, Provenance?> findRule, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>Reads until cancelled. While somebody else reads the group it asks again now and then.</summary>
    public async Task RunAsync(Action<DroppedPacket> tell, TimeProvider time, CancellationToken ct)
    {
        if (options.DropGroup is not { } group)
        {
            Log.Unable(logger);
            return;
        }

        while (true)
        {
            try
            {
                using var routes = network.Run(() => RouteSocket.Open());
                using var stream = network.Run(() => NflogStream.Open(group));
                await foreach (var packet in stream.ReadAllAsync(ct))
                {
                    tell(Describe(packet, index => index == 0 ? "" : routes.FindLink(index)?.Name ?? ""));
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.NotWatched(logger, group, e.Message);
            }

            await Task.Delay(Pause, time, ct);
        }
    }

    private DroppedPacket Describe(NflogPacket packet, Func<int, string> nameOf)
    {
        var isByRule = packet.Prefix is DropReason.Policy or DropReason.Unusable or DropReason.TierDefault or DropReason.Staged;
        var rule = isByRule ? findRule(packet.Mark) : null;
        var direction = rule?.Direction ?? (packet.Prefix == DropReason.ProfileNone ? RuleBook.DirectionOf(packet.Mark) : null);
        var (incoming, outgoing) = (nameOf(packet.IncomingLink), nameOf(packet.OutgoingLink));
        var isFromWorkload = incoming.StartsWith(options.InterfacePrefix, StringComparison.Ordinal);
        // Ingress of a workload is where it goes out, of the host where it comes in; and the other way round.
        var isIncoming = direction is null ? incoming.Length > 0 && (isFromWorkload || packet.Hook != NftHook.Forward)
            : direction == PolicyDirection.Egress ? isFromWorkload
            : !outgoing.StartsWith(options.InterfacePrefix, StringComparison.Ordinal);
        return new(packet.Prefix, direction ?? (isIncoming && isFromWorkload ? PolicyDirection.Egress : PolicyDirection.Ingress),
            isIncoming ? incoming : outgoing, PacketHeaders.Read(packet.Payload.Span), rule);
    }

    private static partial class Log
    {
        [LoggerMessage(4060, LogLevel.Warning, "dropped packets are counted and not told of: nflog group {group}: {reason}")]
        public static partial void NotWatched(ILogger logger, ushort group, string reason);

        [LoggerMessage(4061, LogLevel.Information,
            "dropped packets are counted and not told of: this kernel has no nflog (CONFIG_NETFILTER_NETLINK_LOG)")]
        public static partial void Unable(ILogger logger);
    }
}
