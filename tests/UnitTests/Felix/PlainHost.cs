using System.Globalization;
using System.Net;

namespace Calico.UnitTests.Felix;

/// <summary>The way of a packet through a host, written down straight: who is asked, in which order, and what ends it.</summary>
internal static class PlainHost
{
    /// <summary>What it is called that nothing drops a packet.</summary>
    public const string Passed = "passed";

    /// <summary>What the host drops that a workload sends it.</summary>
    public const string HostAction = "host-action";

    private const int FailsafePort = 22;

    /// <summary>What comes of a packet, and by which rule.</summary>
    /// <returns>"passed", or what dropped it; every rule that counts it; those that would have dropped it, were they not staged.</returns>
    public static (string Ends, IReadOnlyList<string> Counted, IReadOnlyList<string> Staged) Judge(PlainPolicy plain, PlainPacket packet)
    {
        var way = new Way(plain, packet);
        return (way.Go() ?? Passed, way.Counted, way.Staged);
    }

    private sealed class Way(PlainPolicy plain, PlainPacket packet)
    {
        /// <summary>An untracked or preDNAT policy has allowed it: policies of the host's own traffic are not asked any more.</summary>
        private bool _isAllowed;

        public List<string> Counted { get; } = [];

        public List<string> Staged { get; } = [];

        private PlainItem? From { get; } = Workload(plain, packet.Source);

        private PlainItem? To { get; } = Workload(plain, packet.Destination);

        private PlainItem? Host => plain.HostInterface is null ? null : plain.Items[^1];

        private bool IsFailsafeIn => packet is { Protocol: "TCP", DestinationPort: FailsafePort };

        private bool IsFromHost => IsHost(packet.Source);

        private bool IsToHost => IsHost(packet.Destination);

        /// <summary>Null: it passes.</summary>
        public string? Go() => Enter() ?? Leave();

        private string? Enter()
        {
            if (From is { } sender)
            {
                return Ask(sender, ingress: false) ?? (IsToHost ? HostAction : null);
            }

            if (Host is not { } host || IsFromHost)
            {
                return null;
            }

            var early = IsFailsafeIn ? null : Ask(host, ingress: true, "untracked");
            early ??= _isAllowed || IsFailsafeIn ? null : Ask(host, ingress: true, "preDNAT");
            return early ?? (_isAllowed ? null
                : !IsToHost ? Ask(host, ingress: true, "forward")
                : IsFailsafeIn ? null : Ask(host, ingress: true));
        }

        private string? Leave()
        {
            if (IsToHost)
            {
                return null;
            }

            if (To is { } receiver)
            {
                // What the host says to its own workloads is no policy's.
                return IsFromHost ? null : Ask(receiver, ingress: true);
            }

            return Host is not { } host ? null
                : !IsFromHost ? Ask(host, ingress: false, "forward")
                : Ask(host, ingress: false, "untracked") ?? (_isAllowed ? null : Ask(host, ingress: false));
        }

        private string? Ask(PlainItem endpoint, bool ingress, string stage = "")
        {
            var verdict = plain.Judge(endpoint, ingress, packet, stage);
            Counted.AddRange(verdict.Counted);
            Staged.AddRange(verdict.Staged);
            _isAllowed |= verdict.Allows == true && stage is ("untracked" or "preDNAT");
            return verdict.Allows != false ? null
                : verdict.By.Contains('(', StringComparison.Ordinal) ? verdict.By
                : string.Create(CultureInfo.InvariantCulture, $"{verdict.By} {(ingress ? "ingress" : "egress")}");
        }

        private static bool IsHost(IPAddress address) => RandomPolicies.HostAddresses.Contains($"{address}");

        private static PlainItem? Workload(PlainPolicy plain, IPAddress address) =>
            plain.Items.Take(4).FirstOrDefault(i => i.Holds(address));
    }
}
