using System.Collections.Concurrent;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Endpoints between their creation and their first join: they have no link yet, which is not the same as no link any more. A join
/// follows at once; one that a dead dockerd never sent is not waited for longer than <see cref="DockerSettings.ForgottenAfter"/>.</summary>
internal sealed class UnjoinedEndpoints(DockerSettings settings, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, long> _since = new(StringComparer.Ordinal);

    public void Add(string endpoint)
    {
        foreach (var (other, since) in _since)
        {
            if (IsOver(since))
            {
                _since.TryRemove(KeyValuePair.Create(other, since));
            }
        }

        _since[endpoint] = time.GetTimestamp();
    }

    public void Remove(string endpoint) => _since.TryRemove(endpoint, out _);

    public bool Contains(string endpoint) => _since.TryGetValue(endpoint, out var since) && !IsOver(since);

    private bool IsOver(long since) => time.GetElapsedTime(since) >= settings.ForgottenAfter;
}
