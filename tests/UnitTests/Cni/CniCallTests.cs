using System.Net;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>The environment of a call: what each variable may be, and what is said otherwise.</summary>
public sealed class CniCallTests
{
    private static CniCall Call(string verb, string id = "c1", string link = "eth0", string netns = "/run/netns/n1", string args = "") =>
        CniCall.From(new(ShimRole.Ipam, false, CniHarness.Variables(verb, id, link, netns, args), default));

    private static CniCall CallOf(params (string Name, string Value)[] variables) =>
        CniCall.From(new(ShimRole.Network, false, [.. variables.Select(v => KeyValuePair.Create(v.Name, v.Value))], default));

    private static (int Code, string Message, string Details) Refusal(Func<object> what)
    {
        var e = Assert.Throws<CniException>(() => what())!;
        return (e.Code, e.Message, e.Details);
    }

    [Test]
    public void Each_verb_needs_its_variables_and_no_other()
    {
        Assert.That(Refusal(() => CallOf()), Is.EqualTo((4, "required env variables [CNI_COMMAND] missing", "")));
        Assert.That(Refusal(() => CallOf(("CNI_COMMAND", "add"))), Is.EqualTo((4, "unknown CNI_COMMAND: add", "")));
        foreach (var verb in new[] { "ADD", "CHECK" })
        {
            Assert.That(Refusal(() => CallOf(("CNI_COMMAND", verb))),
                Is.EqualTo((4, "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing", "")));
        }

        Assert.That(Refusal(() => CallOf(("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", ""))),
            Is.EqualTo((4, "required env variables [CNI_CONTAINERID,CNI_IFNAME] missing", "")));
        var del = CallOf(("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", "c1"), ("CNI_IFNAME", "eth0"));
        Assert.That((del.Verb, del.ContainerId, del.InterfaceName, del.NamespacePath, del.Args.Text),
            Is.EqualTo(("DEL", "c1", "eth0", "", "")));
        foreach (var verb in new[] { "GC", "STATUS", ShimRequest.TestVerb })
        {
            Assert.That(CallOf(("CNI_COMMAND", verb)), Is.EqualTo(new CniCall(ShimRole.Network, verb, "", "", "", CniArgs.None)));
        }

        Assert.That(Call("ADD"), Is.EqualTo(new CniCall(ShimRole.Ipam, "ADD", "c1", "eth0", "/run/netns/n1", CniArgs.None)));
    }

    [TestCase("a_.-9Z", true)]
    [TestCase("-a", false)]
    [TestCase("a b", false)]
    [TestCase("é", false)]
    public void A_container_id_is_what_the_specification_says(string id, bool isValid)
    {
        if (isValid)
        {
            Assert.That(Call("ADD", id).ContainerId, Is.EqualTo(id));
        }
        else
        {
            Assert.That(Refusal(() => Call("ADD", id)),
                Is.EqualTo((4, "invalid CNI_CONTAINERID", $"\"{id}\": letters, digits, '_', '.' and '-', first a letter or digit")));
        }
    }

    [TestCase(255, true)]
    [TestCase(256, false)]
    public void A_container_id_is_as_long_as_a_files_name_at_most(int length, bool isValid) =>
        Assert.That(() => Call("DEL", new string('a', length)), isValid ? Throws.Nothing : Throws.TypeOf<CniException>());

    [TestCase("a", true)]
    [TestCase("eth0.100_-~!", true)]
    [TestCase("123456789012345", true)]
    [TestCase("1234567890123456", false)]
    [TestCase(".", false)]
    [TestCase("..", false)]
    [TestCase("...", true)]
    [TestCase("all", false)]
    [TestCase("default", false)]
    [TestCase("a/b", false)]
    [TestCase("a:b", false)]
    [TestCase("a b", false)]
    [TestCase("a\tb", false)]
    [TestCase("a\u007fb", false)]
    [TestCase("aéb", false)]
    [TestCase("a\u0001b", false)]
    public void An_interfaces_name_is_what_the_kernel_takes(string name, bool isValid)
    {
        Assert.That(InterfaceName.IsValid(name), Is.EqualTo(isValid));
        if (!isValid)
        {
            Assert.That(Refusal(() => Call("ADD", link: name)),
                Is.EqualTo((4, "invalid CNI_IFNAME", $"\"{name}\" cannot be an interface's name")));
        }
    }

    [Test]
    public void Host_sides_are_called_as_upstream_calls_them()
    {
        Assert.That(InterfaceName.IsValid(""), Is.False);
        Assert.That(InterfaceName.OfContainer("cali", "0123456789abcdef"), Is.EqualTo("cali0123456789a"));
        Assert.That(InterfaceName.OfContainer("cali", "c1"), Is.EqualTo("calic1"));
        // sha1("default.web")
        Assert.That(InterfaceName.OfPod("cali", "default", "web"), Is.EqualTo("cali68caf03a5f4"));
    }

    [Test]
    public void Arguments_are_read()
    {
        var args = CniArgs.Parse(";IP=10.0.0.1/24, fd80::1,,;MAC=02:00:00:00:00:07;K8S_POD_NAME=web;K8S_POD_NAMESPACE=ns;K8S_POD_UID=u;"
            + "K8S_POD_INFRA_CONTAINER_ID=x;CNI_TEST_NAMESPACE=y;", lenient: false);
        Assert.That(args.Addresses, Is.EqualTo(new[] { IPAddress.Parse("10.0.0.1"), IPAddress.Parse("fd80::1") }));
        Assert.That((args.Mac!.ToString(), args.PodName, args.PodNamespace, args.PodUid, args.IsKubernetes),
            Is.EqualTo(("020000000007", "web", "ns", "u", true)));
        Assert.That(args.Text, Does.StartWith(";IP="));
        Assert.That((CniArgs.None.Text, CniArgs.None.PodName, CniArgs.None.PodNamespace, CniArgs.None.PodUid, CniArgs.None.IsKubernetes),
            Is.EqualTo(("", "", "", "", false)));
        Assert.That(CniArgs.Parse("K8S_POD_NAME=web", false).IsKubernetes, Is.False, "podman's");
        Assert.That(CniArgs.Parse("K8S_POD_NAMESPACE=ns", false).IsKubernetes, Is.False);
    }

    [TestCase("A", "ARGS: invalid pair \"A\"")]
    [TestCase("=A", "ARGS: invalid pair \"=A\"")]
    [TestCase("A=1;B=;IP=10.0.0.1", "ARGS: unknown args [\"A=1\" \"B=\"]")]
    [TestCase("IgnoreUnknown=0;A=1", "ARGS: unknown args [\"A=1\"]")]
    [TestCase("IP=10.0.0", "IP=\"10.0.0\" is not an address")]
    [TestCase("MAC=01:00:00:00:00:01", "MAC=\"01:00:00:00:00:01\" is not a unicast MAC address")]
    public void A_wrong_argument_is_named_on_ADD_and_keeps_no_DEL_from_going(string args, string details)
    {
        foreach (var verb in new[] { "ADD", "CHECK" })
        {
            Assert.That(Refusal(() => Call(verb, args: args)), Is.EqualTo((4, "invalid CNI_ARGS", details)));
        }

        var del = Call("DEL", args: "K8S_POD_NAME=web;" + args + ";K8S_POD_UID=u").Args;
        Assert.That((del.Addresses.Count, del.Mac, del.PodName, del.PodUid),
            Is.EqualTo((0, (System.Net.NetworkInformation.PhysicalAddress?)null, "web", "u")));
    }

    [TestCase("1")]
    [TestCase("true")]
    [TestCase("TRUE")]
    [TestCase("True")]
    public void Unknown_arguments_may_be_ignored_wherever_that_is_said(string value)
    {
        Assert.That(CniArgs.Parse($"A=1;IgnoreUnknown={value};B=2", lenient: false).Text, Does.StartWith("A=1"));
        Assert.That(CniArgs.Parse($"IgnoreUnknown={value};IgnoreUnknown=0;B=2", lenient: false).Text, Does.EndWith("B=2"));
        Assert.That(CniArgs.Parse($"IgnoreUnknown={value};IgnoreUnknown={value};B=2", lenient: false).Text, Does.EndWith("B=2"));
    }

    [TestCase("10.65.3.129/25", "10.65.3.128/25")]
    [TestCase("10.65.3.255/12", "10.64.0.0/12")]
    [TestCase("10.65.3.7/32", "10.65.3.7/32")]
    [TestCase("255.255.255.255/0", "0.0.0.0/0")]
    [TestCase("fd80:ffff::ff/9", "fd80::/9")]
    [TestCase("fd80::ffff/121", "fd80::ff80/121")]
    [TestCase("fd80::1/128", "fd80::1/128")]
    public void An_address_lies_in_the_network_of_its_first_bits(string text, string network)
    {
        Assert.That(InterfaceAddress.TryParse(text, out var address), Is.True);
        Assert.That(address.ToNetwork().ToString(), Is.EqualTo(network));
        Assert.That((InterfaceAddress.TryParse("/24", out _), InterfaceAddress.TryParse("10.0.0.1/", out _),
            InterfaceAddress.TryParse("fd80::1/129", out _)), Is.EqualTo((false, false, false)));
    }

    [TestCase("02:00:5e:00:53:aF", "02:00:5e:00:53:af")]
    [TestCase("02-00-5e-00-53-0a", "02:00:5e:00:53:0a")]
    [TestCase("02:00:5e:00:53:a", null)]
    [TestCase("02:00:5e:00:53:afa", null)]
    [TestCase("02:00:5e.00:53:af", null)]
    [TestCase("02:00:5e:00:53:ag", null)]
    [TestCase("03:00:5e:00:53:af", null)]
    [TestCase("ff:ff:ff:ff:ff:ff", null)]
    public void A_MAC_is_six_octets_of_one_station(string text, string? written)
    {
        var isRead = MacAddress.TryParse(text, out var mac);
        Assert.That(isRead ? MacAddress.Format(mac) : null, Is.EqualTo(written));
        if (!isRead)
        {
            Assert.That(mac.GetAddressBytes(), Is.Empty);
        }
    }
}
