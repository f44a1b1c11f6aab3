namespace Calico.TestKit.Workloads;

internal sealed class FakeProfiles(FakeDisk disk, FaultPlan faults) : IProfiles
{
    public Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        faults.Pass("profiles.ensure");
        lock (disk.Lock)
        {
            var standing = defaults.KeepsInternal ? disk.Profiles.GetValueOrDefault(name) : null;
            var isInternal = standing?.Internal ?? defaults.Internal;
            disk.Profiles[name] = defaults with { Internal = isInternal };
        }

        return Task.FromResult(name);
    }

    public Task RemoveAsync(string name, CancellationToken ct)
    {
        faults.Pass("profiles.remove");
        lock (disk.Lock)
        {
            if (disk.Endpoints.Values.All(e => !e.Spec.Profiles.Contains(name)))
            {
                disk.Profiles.Remove(name);
            }
        }

        return Task.CompletedTask;
    }
}
