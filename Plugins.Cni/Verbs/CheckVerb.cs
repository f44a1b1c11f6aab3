using System.Collections.Immutable;
using System.Net.NetworkInformation;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni.Verbs;

/// <summary>CHECK: is what the ADD said still so, in the record and in the kernel.</summary>
internal sealed class CheckVerb(IWorkloadNetwork network, EndpointLookup lookup)
{
    public async Task RunAsync(CniRequest request, CancellationToken ct)
    {
        var (call, configuration) = (request.Call, request.Configuration);
        if (!configuration.Version.HasCheck)
        {
            throw new CniException(CniCode.IncompatibleVersion, "config version does not allow CHECK", configuration.Version.ToString());
        }

        configuration.Validate();
        if (configuration.PreviousResult is not { } previous)
        {
            throw new CniException(CniCode.InvalidConfiguration, "required prevResult missing", "prevResult");
        }

        var (id, existing) = await lookup.FindAsync(call, ct);
        if (existing is null || existing.Instance != call.ContainerId || EndpointLookup.IsAnother(existing, call))
        {
            throw new CniException(CniCode.UnknownContainer, $"container {call.ContainerId} has no interface {call.InterfaceName} of ours");
        }

        var differences = await network.CheckAsync(id, Expected(existing, previous, call), ct);
        if (!differences.IsEmpty)
        {
            throw new CniException(CniCode.Calico, $"{differences[0]}", string.Join("; ", differences));
        }

        if (configuration.Ipam.IsDelegated)
        {
            await DelegatedIpam.AskAsync(request, ct);
        }
    }

    /// <summary>The record with what <c>prevResult</c> says put over it. Other plugins of the list may have added interfaces and addresses
    /// of their own, so only what belongs to our interface counts.</summary>
    private static Attachment Expected(Attachment record, CniResult previous, CniCall call)
    {
        var inside = -1;
        for (var i = 0; i < previous.Interfaces.Length && inside < 0; i++)
        {
            inside = previous.Interfaces[i].Name == call.InterfaceName && previous.Interfaces[i].Sandbox.Length > 0 ? i : -1;
        }

        var hostSides = previous.Interfaces.Where(i => i.Sandbox.Length == 0).Select(i => i.Name).ToArray();
        var mac = inside >= 0 && MacAddress.TryParse(previous.Interfaces[inside].Mac, out var parsed) ? parsed : record.Mac;
        return record with
        {
            HostInterface = hostSides.Length == 0 || hostSides.Contains(record.HostInterface) ? record.HostInterface : hostSides[0],
            PeerInterface = call.InterfaceName,
            Mac = mac,
            Addresses = [.. previous.Addresses.Where(a => a.Interface is null || a.Interface == inside)
                .Select(a => InterfaceAddress.Host(a.Address.Address).ToNetwork())],
        };
    }
}
