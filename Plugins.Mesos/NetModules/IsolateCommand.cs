using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Mesos.Containers;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>What an isolate asks for.</summary>
/// <param name="Container">Its id.</param>
/// <param name="Pid">Its process.</param>
/// <param name="Addresses">Taken before.</param>
/// <param name="Groups">May be empty.</param>
/// <param name="Labels">As they came.</param>
internal sealed record IsolateCommand(string Container, int Pid, ImmutableArray<IPAddress> Addresses, ImmutableArray<string> Groups,
    ImmutableArray<KeyValuePair<string, string>> Labels)
{
    public NetworkRequest Request => new()
    {
        Name = "net-modules", IsNetModules = true, Groups = Groups, Labels = Labels, Exact = [.. Addresses.Select(a => a.ToString())],
    };
}
