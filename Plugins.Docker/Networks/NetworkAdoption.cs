using System.Collections.Immutable;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Protocol;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Networks;

/// <summary>Networks that have endpoints here, and that this node was never told of or has forgotten: made on another node, or a document
/// that cannot be read. dockerd knows what they were made with.</summary>
internal sealed partial class NetworkAdoption(DockerSettings settings, NetworkBook book, IWorkloadNetwork network, IIpam ipam,
    IProfiles profiles, IPluginLifetime lifetime, ILogger<NetworkAdoption> log)
{
    private const string Check = "unknown networks";

    private bool _hasSaid;

    /// <summary>Has those that endpoints are of, and the book has not, followed.</summary>
    public async Task NoteStrangersAsync(CancellationToken ct)
    {
        foreach (var id in (await network.ListAsync(null, ct)).Select(e => e.Network).Where(id => id.Length > 0).Distinct())
        {
            book.NoteUsed(id);
        }
    }

    /// <summary>Writes into the book what dockerd says of those that it has not, and says which dockerd does not know either.</summary>
    /// <param name="strangers">What the book had not before dockerd was asked: a network that is deleted is listed for a moment longer.
    /// </param>
    /// <param name="found">What dockerd has.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Those that could not be written.</returns>
    public async Task<ImmutableHashSet<string>> AdoptAsync(
        ImmutableArray<string> strangers, ImmutableArray<DaemonNetwork> found, CancellationToken ct)
    {
        var failed = ImmutableHashSet<string>.Empty;
        foreach (var stranger in found.Where(n => strangers.Contains(n.Id) && book.Find(n.Id) is null && book.IsFollowed(n.Id)))
        {
            try
            {
                await AdoptAsync(stranger, ct);
                Log.Adopted(log, stranger.Id, stranger.Name);
            }
            catch (CalicoException e)
            {
                Log.NotAdopted(log, stranger.Id, e.Message);
                failed = failed.Add(stranger.Id);
            }
        }

        await SayAsync([.. strangers.Where(id => found.All(n => n.Id != id))], ct);
        return failed;
    }

    private async Task AdoptAsync(DaemonNetwork stranger, CancellationToken ct)
    {
        var pools = await ipam.ListPoolsAsync(ct);
        var options = NetworkOptions.ReadGiven(stranger.IsInternal, stranger.Options);
        var profile = await profiles.EnsureAsync(stranger.Id, NetworkCalls.DefaultsOf(stranger.IsInternal), ct);
        await book.PutAsync(new()
        {
            Id = stranger.Id,
            Profile = profile,
            IsInternal = options.IsInternal,
            Mtu = options.Mtu,
            InterfacePrefix = options.InterfacePrefix,
            IgnoresLabels = options.IgnoresLabels,
            PoolIds = stranger.HasDockersIpam ? []
                : [.. stranger.Subnets.Select(PoolOf).OfType<PoolId>().Where(IsOurs).Select(p => p.ToString())],
        }, ct);

        // A third driver's addresses are as Docker's own.
        bool IsOurs(PoolId pool) => pool.IsAny || pools.Any(p => PoolId.Contains(p.Cidr, pool.Pool));
    }

    private static PoolId? PoolOf((string Subnet, string? Range) given)
    {
        try
        {
            return PoolId.Parse($"{AddressSpaces.Local}|{given.Subnet}|{given.Range}");
        }
        catch (CalicoException)
        {
            // Another driver may call its subnets as it likes.
            return null;
        }
    }

    private async Task SayAsync(ImmutableArray<string> unknown, CancellationToken ct)
    {
        var used = unknown.IsEmpty ? [] : (await network.ListAsync(null, ct)).Select(e => e.Network).ToHashSet(StringComparer.Ordinal);
        ImmutableArray<string> left = [.. unknown.Where(used.Contains)];
        foreach (var gone in unknown.Where(id => !used.Contains(id)))
        {
            book.Ignore(gone);
        }

        if (_hasSaid || !left.IsEmpty)
        {
            _hasSaid = !left.IsEmpty;
            lifetime.Report(Check, left.IsEmpty, left.IsEmpty ? ""
                : $"endpoints here are of networks that this node was not told of, and the dockerd on {settings.Daemon} does not have them "
                + $"({string.Join(", ", left)}): their labels never come, and they are closed where a selector needs them");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7240, LogLevel.Information, "Network {Id} ({Name}) was not known here: what dockerd says of it is kept now")]
        public static partial void Adopted(ILogger log, string id, string name);

        [LoggerMessage(7241, LogLevel.Warning, "Network {Id} is unknown here, and what dockerd says cannot be kept; tried again: {Reason}")]
        public static partial void NotAdopted(ILogger log, string id, string reason);
    }
}
