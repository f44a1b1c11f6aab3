using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni.Verbs;

/// <summary>STATUS, and upstream's <c>calico -t</c>: from memory.</summary>
internal sealed class StatusVerb(CniSettings settings, IHostStatus host, PoolFamilies pools)
{
    public async Task RunAsync(CniRequest request, CancellationToken ct)
    {
        if (!request.Configuration.Version.HasGcAndStatus)
        {
            throw new CniException(CniCode.IncompatibleVersion, "config version does not allow STATUS",
                request.Configuration.Version.ToString());
        }

        request.Configuration.Validate();
        var (ready, reasons) = host.CanConnect;
        var (revision, age) = host.Enforcing;
        if (age > settings.StaleAfter)
        {
            throw new CniException(CniCode.LimitedConnectivity,
                "the policy that is enforced is old; new workloads may have limited connectivity",
                $"revision {revision}, last confirmed {(long)age.TotalSeconds} s ago");
        }

        if (!ready)
        {
            throw new CniException(CniCode.NotAvailable, "no workload can be connected now", string.Join("; ", reasons));
        }

        if (await pools.TroubleAsync(request.Configuration, ct) is { } trouble)
        {
            throw new CniException(CniCode.NotAvailable, "no workload of this network can be given an address", trouble);
        }

        if (request.Configuration.Ipam.IsDelegated)
        {
            await DelegatedIpam.AskAsync(request, ct);
        }
    }

    /// <exception cref="CniException">Upstream's code and text.</exception>
    public void Test()
    {
        var (ready, reasons) = host.CanConnect;
        if (!ready || host.Enforcing.Age > settings.StaleAfter)
        {
            throw new CniException(CniCode.Calico, "data store connection failed", string.Join("; ", reasons));
        }
    }
}
