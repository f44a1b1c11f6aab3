using System.Net;
using System.Text.Json.Nodes;

namespace Calico.UnitTests.Docker;

/// <summary>The calls that dockerd makes for a user's command, in its order.</summary>
internal sealed class DockerClient(DockerHarness docker)
{
    public const string Space = "CalicoLocalAddressSpace";

    /// <summary><c>docker network create --ipam-driver calico-ipam</c>.</summary>
    /// <returns>The pools' ids.</returns>
    public async Task<string[]> CreateNetworkAsync(string id, string[]? subnets = null, bool isInternal = false, string options = "{}",
        string aux = "{}", string range = "")
    {
        var (pools, given) = (new List<string>(), new List<string>());
        foreach (var subnet in subnets ?? [""])
        {
            var answer = await docker.CallAsync("IpamDriver.RequestPool", PoolBody(subnet, range), isIpam: true);
            pools.Add((string)answer["PoolID"]!);
            var gateway = (string)answer["Data"]!["com.docker.network.gateway"]!;
            given.Add($$"""
                {"AddressSpace":"{{Space}}","Gateway":"{{gateway}}","Pool":"{{answer["Pool"]}}","AuxAddresses":{{aux}} }
                """);
        }

        var isIpv6 = given.ToLookup(p => p.Contains("::", StringComparison.Ordinal));
        await docker.CallAsync("NetworkDriver.CreateNetwork", NetworkBody(id, isIpv6[false], isIpv6[true], isInternal, options));
        return [.. pools];
    }

    /// <summary>With Docker's own IPAM.</summary>
    public static string ForeignNetwork(string id, string subnet) =>
        NetworkBody(id, [$$"""{"AddressSpace":"LocalDefault","Gateway":"172.17.0.1/16","Pool":"{{subnet}}"}"""], [], false, "{}");

    /// <summary><c>docker run</c>, up to the start of its process.</summary>
    /// <returns>The address, and what Join answered.</returns>
    public async Task<(IPAddress Address, JsonObject Joined)> RunAsync(string network, string endpoint, string pool, string ip = "",
        string sandbox = "")
    {
        var address = await RequestAddressAsync(pool, ip);
        await docker.CallAsync("NetworkDriver.CreateEndpoint", EndpointBody(network, endpoint, address));
        return (IPAddress.Parse(address.Split('/')[0]), await JoinAsync(network, endpoint, sandbox));
    }

    public async Task<string> RequestAddressAsync(string pool, string ip = "") =>
        (string)(await docker.CallAsync("IpamDriver.RequestAddress", AddressBody(pool, ip), isIpam: true))["Address"]!;

    /// <returns>Why no address was given.</returns>
    public Task<string> RefusedAddressAsync(string pool, string ip = "") =>
        docker.RefusedAsync("IpamDriver.RequestAddress", AddressBody(pool, ip), isIpam: true);

    public Task<JsonObject> JoinAsync(string network, string endpoint, string sandbox = "") => docker.CallAsync("NetworkDriver.Join",
        $$"""
        {"NetworkID":"{{network}}","EndpointID":"{{endpoint}}",
         "SandboxKey":"/var/run/docker/netns/{{(sandbox.Length == 0 ? endpoint : sandbox)}}","Options":{} }
        """);

    /// <summary><c>docker rm -f</c>.</summary>
    public async Task RemoveAsync(string network, string endpoint, string pool, IPAddress address)
    {
        foreach (var call in (string[])["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"])
        {
            await docker.CallAsync($"NetworkDriver.{call}", $$"""{"NetworkID":"{{network}}","EndpointID":"{{endpoint}}"}""");
        }

        await ReleaseAsync(pool, $"{address}");
    }

    public Task<JsonObject> ReleaseAsync(string pool, string address) =>
        docker.CallAsync("IpamDriver.ReleaseAddress", $$"""{"PoolID":"{{pool}}","Address":"{{address}}"}""", isIpam: true);

    public static string PoolBody(string subnet, string range = "", string options = "{}") => $$"""
        {"AddressSpace":"{{Space}}","Pool":"{{subnet}}","SubPool":"{{range}}","Options":{{options}},
         "V6":{{(subnet.Contains(':') ? "true" : "false")}} }
        """;

    public static string AddressBody(string pool, string ip = "", string options = "null") =>
        $$"""{"PoolID":"{{pool}}","Address":"{{ip}}","Options":{{options}} }""";

    public static string EndpointBody(string network, string endpoint, string address, string options = "{}", string mac = "",
        string address6 = "") =>
        $$"""
        {"NetworkID":"{{network}}","EndpointID":"{{endpoint}}",
         "Interface":{"Address":"{{address}}","AddressIPv6":"{{address6}}","MacAddress":"{{mac}}"},"Options":{{options}} }
        """;

    private static string NetworkBody(string id, IEnumerable<string> ipv4, IEnumerable<string> ipv6, bool isInternal, string options) =>
        $$"""
        {"NetworkID":"{{id}}",
         "Options":{"com.docker.network.enable_ipv6":false,"com.docker.network.internal":{{(isInternal ? "true" : "false")}},
                    "com.docker.network.generic":{{options}} },
         "IPv4Data":[{{string.Join(',', ipv4)}}],"IPv6Data":[{{string.Join(',', ipv6)}}]}
        """;
}
