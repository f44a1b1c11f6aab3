using Calico.Host.Stages;

namespace Calico.Host.Workloads;

/// <summary>Profiles for an adapter: which of them are in use is known when the node's endpoints have been read.</summary>
internal sealed class AdapterProfiles(IProfiles profiles, StartGate gate) : IProfiles
{
    public async Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        await gate.PassNewAsync(ct);
        return await profiles.EnsureAsync(name, defaults, ct);
    }

    public async Task RemoveAsync(string name, CancellationToken ct)
    {
        await gate.PassAsync(ct);
        await profiles.RemoveAsync(name, ct);
    }
}
