using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Felix.Explaining;
using Calico.Felix.Output;

namespace Calico.Cli.Commands.Policy;

/// <summary>Which interfaces of its ends' hosts a connection passes.</summary>
/// <param name="hosts">The hosts of the store.</param>
/// <param name="assumed">Gets what is taken for granted, in words.</param>
internal sealed class PassedInterfaces(StoredHosts hosts, ICollection<string> assumed)
{
    // IFNAMSIZ of linux/if.h less its end.
    private const int LongestName = 15;

    /// <summary>An end with its host's interface.</summary>
    /// <param name="found">Who it is.</param>
    /// <param name="address">Of the family that is taken.</param>
    /// <param name="question">What was typed.</param>
    /// <param name="other">The other end.</param>
    /// <param name="ct">Cancellation.</param>
    /// <exception cref="CliException">An interface was typed that cannot be passed.</exception>
    internal async Task<ExplainedEnd> EndAsync(FoundEnd found, Cidr address, EndQuestion question, FoundEnd other, CancellationToken ct)
    {
        if (question.Interface is { } typed && !IsLinkName(typed))
        {
            throw new CliException($"{question.InterfaceOption}: '{typed}' is no interface's name: "
                + $"1 to {LongestName} characters without '/', ':' and blanks are expected");
        }

        if (string.IsNullOrEmpty(found.Node))
        {
            return question.Interface is null ? new(found.Name, new(found.Key, address))
                : throw new CliException($"{question.InterfaceOption}: '{question.Name}' is on no host that the store knows of");
        }

        var host = await hosts.PolicyOfAsync(found.Node, ct);
        var link = found.Node != other.Node ? InterfaceOf(host, found, address, question)
            : question.Interface is not null
                ? throw new CliException($"{question.InterfaceOption}: both ends are on node {found.Node}, "
                    + "and no packet between them passes an interface of it")
            // What a host sends itself passes loopback, which is judged where a host endpoint has it.
            : found.Key is null && other.Key is null && host.On(HostInterfaceUpdate.Loopback) is not null
                ? HostInterfaceUpdate.Loopback : "";
        if (link.Length > 0 && host.Assumption.Length > 0 && !assumed.Contains(host.Assumption))
        {
            assumed.Add(host.Assumption);
        }

        return new(found.Name, new(found.Key, address, new(host, link)));
    }

    /// <summary>The interface that its connections to others pass; empty: no host endpoint judges any.</summary>
    private string InterfaceOf(HostPolicy host, FoundEnd found, Cidr address, EndQuestion question)
    {
        if (question.Interface is { } wanted)
        {
            Check(host, wanted, question);
            return wanted;
        }

        var candidates = host.Judged.Where(update => update.InterfaceName != HostInterfaceUpdate.Loopback
            && (found.HostEndpoint is null || update.HostEndpoint == found.HostEndpoint)).Select(update => update.InterfaceName).ToList();
        if (candidates.Count == 0)
        {
            return found.HostEndpoint is null ? ""
                : throw new CliException($"host endpoint '{found.HostEndpoint}' judges lo alone, which no packet from or to others passes");
        }

        // A host's own connections come from the interface with their address, others from the one with the node's.
        var own = found.Key is null ? [address] : hosts.AddressesOf(host.Node).Where(a => a.IsIpv6 == address.IsIpv6).ToArray();
        var with = host.Interfaces.Where(link => link.Key != HostInterfaceUpdate.Loopback && link.Value.Any(own.Contains))
            .Select(link => link.Key).FirstOrDefault();
        if (with is not null && (found.HostEndpoint is null || host.On(with)?.HostEndpoint == found.HostEndpoint))
        {
            // A workload's packets may pass any of them.
            if (found.Key is not null && host.Judged.Any(update => update.HostEndpoint != host.On(with)?.HostEndpoint))
            {
                assumed.Add($"the packet passes host {host.Node} by {host.Describe(with)}, which has the node's address; "
                    + $"{question.InterfaceOption} says another");
            }

            return with;
        }

        if (candidates.Count > 1 || found.HostEndpoint is null)
        {
            assumed.Add($"the packet passes host {host.Node} by {host.Describe(candidates[0])}"
                + (candidates.Count == 1 ? ", the only one that a host endpoint judges"
                    : $", one of {candidates.Count} that host endpoints judge") + $"; {question.InterfaceOption} says another");
        }

        return candidates[0];
    }

    private void Check(HostPolicy host, string wanted, EndQuestion question)
    {
        if (wanted == HostInterfaceUpdate.Loopback)
        {
            throw new CliException($"{question.InterfaceOption}: no packet from or to others passes lo");
        }

        if (host.IsNamed(wanted) || host.Interfaces.ContainsKey(wanted))
        {
            return;
        }

        if (host.IsAsked)
        {
            throw new CliException($"{question.InterfaceOption}: host {host.Node} has no interface '{wanted}' that is no workload's; "
                + $"it has {string.Join(", ", host.Interfaces.Keys)}");
        }

        assumed.Add($"host {host.Node} has an interface {wanted}: neither it nor a host endpoint says so");
    }

    /// <summary>What the kernel takes for a link's name (dev_valid_name of net/core/dev.c), less what means all of them.</summary>
    private static bool IsLinkName(string name) => name is not ("" or "." or ".." or HostInterfaceUpdate.AllInterfaces)
        && System.Text.Encoding.UTF8.GetByteCount(name) <= LongestName
        && !name.Any(letter => letter is '/' or ':' or '\0' || char.IsWhiteSpace(letter));
}
