using Calico.Host.Workloads;

namespace Calico.UnitTests.Host;

/// <summary>Names as the rules of each runtime allow them, from a seed.</summary>
internal sealed class RuntimeNames(int seed)
{
    private const string Lower = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const string Alphanumeric = Lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    private readonly Random _random = new(seed);

    /// <summary>CNI: a container id and a network begin with a letter or digit, then also '_', '.' and '-'.</summary>
    public string Cni(int longest) => Text(1, Alphanumeric) + Text(_random.Next(0, Length(longest)), Alphanumeric + "_.-");

    /// <summary>Docker: as CNI's, two characters at least; an endpoint has 64 hexadecimal digits.</summary>
    public string DockerEndpoint() => Text(64, "0123456789abcdef");

    /// <summary>Kubernetes: a DNS label, at most 63.</summary>
    public string Label(int longest = 63) => _random.Next(longest) is var length && length < 2 ? Text(1, Lower)
        : Text(1, Lower) + Text(length - 2, Lower + "-") + Text(1, Lower);

    /// <summary>Kubernetes: a DNS subdomain, at most 253.</summary>
    public string Subdomain(int longest = 253)
    {
        var name = Label(Math.Min(63, longest));
        while (_random.Next(3) > 0 && name.Length + 3 < longest)
        {
            name += "." + Label(Math.Min(63, longest - name.Length - 1));
        }

        return name;
    }

    /// <summary>Mesos: anything but control characters, blanks and slashes.</summary>
    public string Mesos() => Text(_random.Next(1, 120), Alphanumeric + "_.-:@#=+~!é漢");

    /// <summary>An interface: 1 to 15 bytes without '/', ':' and blanks.</summary>
    public string Interface() => _random.Next(3) > 0 ? "eth0" : Text(_random.Next(1, 15), Alphanumeric + "_.-@");

    /// <summary>An endpoint of some runtime, without addresses.</summary>
    public EndpointRecord Endpoint(int number)
    {
        var container = Cni(255);
        var (orchestrator, ns, workload, endpoint, pod) = (number % 4) switch
        {
            0 => ("cni", "default", container, Interface(), null),
            1 => ("libnetwork", "default", Cni(255), DockerEndpoint(), null),
            2 => ("mesos", "default", Mesos(), Interface(), null),
            _ => ("k8s", Label(), Subdomain(), Interface(), "pod"),
        };
        var facts = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("containerID", container);
        return new()
        {
            Orchestrator = orchestrator,
            Namespace = ns,
            Workload = pod is null ? workload : $"{ns}.{workload}",
            Endpoint = endpoint,
            Instance = container,
            Adapter = "test",
            Addresses = [$"10.{(number >> 16) & 255}.{(number >> 8) & 255}.{number & 255}/32"],
            HostInterface = $"cali{number:x11}",
            Mac = "02:00:00:00:00:01",
            Facts = pod is null ? facts : facts.Add("pod", workload),
        };
    }

    private int Length(int longest) => _random.Next(10) == 0 ? longest : 24;

    private string Text(int length, string letters) => new(_random.GetItems<char>(letters, Math.Max(length, 0)));
}
