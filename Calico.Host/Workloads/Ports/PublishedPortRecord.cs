using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Serialization;
using Calico.Felix;

namespace Calico.Host.Workloads.Ports;

/// <summary>A published port: what was asked for, and what it got.</summary>
internal sealed record PublishedPortRecord(int Protocol, string? HostIp, int HostPort, int HostPortEnd, int ContainerPort)
{
    /// <summary>The host's port that leads here; 0: none yet.</summary>
    public int Taken { get; init; }

    /// <summary>Another process had the port when this one was started: it is closed until that ends.</summary>
    public bool IsOff { get; init; }

    [JsonIgnore] public IPAddress? HostAddress => HostIp is null ? null : IPAddress.Parse(HostIp);

    [JsonIgnore] public string ProtocolName => PortRules.NameOf((ProtocolType)Protocol) ?? Protocol.ToString(CultureInfo.InvariantCulture);

    /// <summary>A process of the host may come by 127.0.0.1.</summary>
    [JsonIgnore] public bool IsOnLoopback => !IsOff && (HostAddress is not { } host || host.Equals(IPAddress.Any)
        || (host.AddressFamily == AddressFamily.InterNetwork && IPAddress.IsLoopback(host)));

    public static PublishedPortRecord From(PublishedPort p) => new((int)p.Protocol, p.HostIp?.ToString(), p.HostPort, p.HostPortEnd,
        p.ContainerPort);

    public bool IsSameWish(PublishedPortRecord other) => this with { Taken = 0, IsOff = false } == other with { Taken = 0, IsOff = false };

    /// <summary>Addresses to hold it on, of the families that its endpoint has.</summary>
    public ImmutableArray<IPAddress> PlacesIn(IReadOnlySet<AddressFamily> families) =>
    [
        .. (HostAddress is { } host ? (IEnumerable<IPAddress>)[host] : [IPAddress.Any, IPAddress.IPv6Any]).Where(a =>
            families.Contains(a.AddressFamily)),
    ];

    /// <summary>Whether a socket on the address holds it.</summary>
    public bool Covers(IPAddress address) => HostAddress is { } host ? host.Equals(address) : address.Equals(IPAddress.Any) || address
        .Equals(IPAddress.IPv6Any);

    public ForwardedPort ToForwarded() => new((ProtocolType)Protocol, HostAddress, Taken, ContainerPort);

    /// <summary>As docker port writes it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Shown}:{(Taken == 0 ? HostPort : Taken)} -> {ContainerPort}/{ProtocolName}");

    private string Shown => HostAddress is not { } host ? "*" : host.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{host}]"
        : host.ToString();
}
