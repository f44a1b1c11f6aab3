using System.Collections.Immutable;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Serving;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Asks dockerd what it has, and knows what of it is its business.</summary>
/// <remarks>
/// More than one daemon may be at the sockets (a rootless one, one with another data-root), and only one can be asked. So each network is
/// noted with the daemon that lists it, and is missing only when that same daemon lists it no more. One that none has listed yet (dockerd
/// was killed while it made it) is missing where the process that asked for it is known to be this daemon's: it listens on its API, or it
/// has called for a network that is listed.
/// </remarks>
internal sealed class DaemonWitness(NetworkBook book, IDockerDaemon daemon, CallingProcess calling)
{
    /// <param name="networks">Those that endpoints are of.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<LiveEndpoints> AskAsync(IEnumerable<string> networks, CancellationToken ct)
    {
        try
        {
            ImmutableArray<string> ids = [.. book.Ids.Concat(networks).Distinct()];
            if (ids.IsEmpty)
            {
                // Maybe there is no Docker.
                return LiveEndpoints.Unknown;
            }

            var which = await daemon.IdentifyAsync(ct);
            var there = await daemon.ListEndpointIdsAsync(ids, ct);
            foreach (var listed in there.Keys.Select(book.Find).OfType<NetworkRecord>().Where(n => n.WitnessedBy != which.Id).ToArray())
            {
                await book.WitnessAsync(listed, which.Id, ct);
            }

            ImmutableHashSet<string> processes =
            [
                .. there.Keys.SelectMany(calling.CallersOf),
                .. there.Keys.Select(id => book.Find(id)?.Maker).Append(which.Process).OfType<string>(),
            ];
            var missing = ids.Where(id => !there.ContainsKey(id)).Select(book.Find).OfType<NetworkRecord>()
                .Where(n => n.WitnessedBy is { } witness ? witness == which.Id : n.Maker is { } maker && processes.Contains(maker));
            return new(which.Id, there, [.. missing.Select(n => n.Id)], processes);
        }
        catch (DaemonException)
        {
            // The follower says so, for all.
            return LiveEndpoints.Unknown;
        }
    }
}
