namespace Calico.TestKit.Workloads;

internal sealed class FakeProfiles(FakeDisk disk, FaultPlan faults) : IProfiles
{
    public Task<string> EnsureAsync(string name, ProfileDefaults defaults, CancellationToken ct)
    {
        faults.Pass("profiles.ensure");
        lock (disk.Lock)
        {
            disk.Profiles[name] = defaults;
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
