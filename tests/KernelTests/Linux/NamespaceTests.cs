using System.Net;
using System.Net.Sockets;
using Calico.Linux;
using Calico.Linux.Namespaces;
using Calico.Linux.Sysctls;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

public class NamespaceTests
{
    [Test]
    public void Work_runs_inside_and_the_caller_stays_outside()
    {
        using var ns = new ScratchNamespace();
        using var own = NetworkNamespaceFile.OpenOwn();

        var inside = ns.Broker.Run(ns.File, () =>
        {
            using var here = NetworkNamespaceFile.OpenOwn();
            return here.Identity;
        });

        Assert.That(inside, Is.EqualTo(ns.File.Identity));
        Assert.That(inside, Is.Not.EqualTo(own.Identity));
        Assert.That(ns.Broker.Home, Is.EqualTo(own.Identity));
        Assert.That(ns.Broker.Run(own, () => own.IsOwn()), Is.True);
        Assert.That(ns.File.IsOwn(), Is.False);
    }

    [Test]
    public void An_exception_comes_back_and_the_thread_goes_home()
    {
        using var ns = new ScratchNamespace();

        Assert.Throws<DivideByZeroException>(() => ns.Broker.Run(ns.File, () => throw new DivideByZeroException()));
        using var own = NetworkNamespaceFile.OpenOwn();
        Assert.That(ns.Broker.Run(own, () =>
        {
            using var here = NetworkNamespaceFile.OpenOwn();
            return here.Identity;
        }), Is.EqualTo(own.Identity));
    }

    [Test]
    public void Asynchronous_work_and_a_closed_namespace_are_refused()
    {
        using var ns = new ScratchNamespace();
        var closed = NetworkNamespaceFile.Open($"/run/netns/{ns.Name}");
        closed.Dispose();

        Assert.Throws<ArgumentException>(() => ns.Broker.Run(ns.File, () => Task.FromResult(1)));
        Assert.Throws<ObjectDisposedException>(() => ns.Broker.Run(closed, () => 1));
        Assert.That(ns.Broker.Run(ns.File, () => 1), Is.EqualTo(1));
    }

    [Test]
    public void Only_network_namespaces_are_opened()
    {
        using var ns = new ScratchNamespace();

        Assert.That(Assert.Throws<NamespaceException>(() => NetworkNamespaceFile.Open("/proc/self/ns/mnt").Dispose())!.Errno,
            Is.EqualTo(Errno.Invalid));
        Assert.That(Assert.Throws<NamespaceException>(() => NetworkNamespaceFile.Open("/proc/self/status").Dispose())!.Errno,
            Is.EqualTo(Errno.Invalid));
        Assert.That(Assert.Throws<NamespaceException>(() => NetworkNamespaceFile.Open("/run/netns/none-such").Dispose())!.Errno,
            Is.EqualTo(Errno.NoEntry));
        using var process = NetworkNamespaceFile.OpenProcess(Environment.ProcessId);
        Assert.That(process.IsOwn(), Is.True);
    }

    [Test]
    public void An_anonymous_namespace_is_made_and_is_empty()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        using var broker = new NamespaceBroker();
        using var made = broker.Create();

        Assert.That(made.Identity, Is.Not.EqualTo(broker.Home));
        Assert.That(broker.Run(made, () => File.ReadAllLines("/proc/thread-self/net/dev").Length), Is.EqualTo(3), "two headings and lo");
    }

    [Test]
    public void A_folder_of_sysctls_stays_that_of_the_namespace_it_was_opened_in()
    {
        using var ns = new ScratchNamespace();
        ns.Inside("ip", "link", "add", "own0", "type", "veth");

        // Opened in there, used from here, for a link too that came later.
        using var folder = ns.Broker.Run(ns.File, () => SysctlFolder.TryOpen("net/ipv6/conf"))!;
        var before = NetworkSysctls.Read("net/ipv6/conf/default/accept_ra");
        ns.Inside("ip", "link", "add", "own1", "type", "veth");
        ns.Inside("sh", "-c", "echo 2 > /proc/sys/net/ipv6/conf/default/accept_ra");
        folder.Write("own1/accept_ra", "0");

        Assert.That((folder.Read("default/accept_ra"), folder.Read("own0/accept_ra"), folder.Read("own1/accept_ra")),
            Is.EqualTo(("2", "1", "0")));
        Assert.That(ns.Inside("cat", "/proc/sys/net/ipv6/conf/own1/accept_ra").Trim(), Is.EqualTo("0"));
        Assert.That(NetworkSysctls.Read("net/ipv6/conf/default/accept_ra"), Is.EqualTo(before));
        Assert.That(folder.Read("none/accept_ra"), Is.Null);
        Assert.Throws<IOException>(() => folder.Write("none/accept_ra", "0"));
        Assert.Throws<IOException>(() => folder.Write("own1/accept_ra", "no number"));
        Assert.Throws<ArgumentException>(() => folder.Read("../../../kernel/hostname"));
        Assert.That(SysctlFolder.TryOpen("net/none"), Is.Null);
    }

    [Test]
    public void Sysctls_are_those_of_the_namespace()
    {
        using var ns = new ScratchNamespace();
        var sysctls = new NetworkSysctls(ns.Broker);

        var before = NetworkSysctls.Read("net/ipv4/conf/all/rp_filter");
        sysctls.Write(ns.File, ("net/ipv4/conf/all/rp_filter", "2"), ("net/ipv4/ip_forward", "1"));

        Assert.That(sysctls.Read(ns.File, "net/ipv4/conf/all/rp_filter"), Is.EqualTo("2"));
        Assert.That(ns.Inside("cat", "/proc/sys/net/ipv4/ip_forward").Trim(), Is.EqualTo("1"));
        Assert.That(NetworkSysctls.Read("net/ipv4/conf/all/rp_filter"), Is.EqualTo(before));
        Assert.That(sysctls.Read(ns.File, "net/ipv4/conf/none/rp_filter"), Is.Null);
        Assert.Throws<IOException>(() => sysctls.Write(ns.File, "net/ipv4/conf/all/rp_filter", "no number"));
        Assert.Throws<ArgumentException>(() => sysctls.Read(ns.File, "net/../kernel/hostname"));
    }

    [Test]
    public async Task A_passed_descriptor_opens_the_namespace()
    {
        using var ns = new ScratchNamespace();
        var path = Path.Combine(Path.GetTempPath(), $"{ns.Name}.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(path));
        using var server = await listener.AcceptAsync();
        File.Delete(path);

        var buffer = new byte[64];
        var waiting = UnixDescriptors.ReceiveAsync(server, buffer, CancellationToken.None);
        UnixDescriptors.Send(client, "open this"u8, ns.File.Descriptor);
        var receipt = await waiting;

        Assert.That(buffer.AsSpan(0, receipt.Length).SequenceEqual("open this"u8), Is.True);
        using var adopted = NetworkNamespaceFile.Adopt(receipt.Descriptor!, "passed");
        Assert.That(adopted.Identity, Is.EqualTo(ns.File.Identity));

        client.Send("plain"u8);
        receipt = await UnixDescriptors.ReceiveAsync(server, buffer, CancellationToken.None);
        Assert.That(receipt, Is.EqualTo(new UnixReceipt(5, null)));
        client.Dispose();
        Assert.That((await UnixDescriptors.ReceiveAsync(server, buffer, CancellationToken.None)).Length, Is.Zero);
        Assert.That(PeerCredentials.Of(server).ProcessId, Is.EqualTo(Environment.ProcessId));
    }
}
