namespace Calico.Plugins.Cni.Verbs;

/// <summary>DEL: succeeds for what is gone, with or without a namespace, whatever the configuration has become since the ADD.</summary>
internal sealed class DelVerb(IWorkloadNetwork network, EndpointLookup lookup)
{
    public async Task RunAsync(CniRequest request, CancellationToken ct)
    {
        request.Timed?.Enter("lookup");
        var (id, existing) = await lookup.FindAsync(request.Call, ct);
        // A second interface was refused; its DEL does not mean the one that the pod has. The instance keeps a late DEL of an old sandbox
        // from taking the pod's new one down.
        if (!EndpointLookup.IsAnother(existing, request.Call))
        {
            await network.DisconnectAsync(id, request.Call.ContainerId, ct);
        }
        // Not before: an address that is free in the delegate's books while a link still answers for it could be given twice.
        if (request.Configuration.Ipam.IsDelegated)
        {
            request.Timed?.Enter("delegate");
            await DelegatedIpam.DeleteAsync(request, ct);
        }
    }
}
