# SPDX-License-Identifier: Apache-2.0
# Building modules for Stint with make:
#
#   include $(shell pkg-config --variable=modulemk stint)
#   hello.o: CFLAGS += $(STINT_MODULE_CFLAGS)
#   hello.o: hello.stint.h
#   hello.so: hello.o hello.pb.o hello.stint.o
#
# There are rules from x.proto (with nanopb's bounds in x.options) to x.pb.c, x.pb.h, x.stint.c and x.stint.h and their objects, and from
# objects to a module. They need protoc, nanopb and cmake, as stint_add_module does. Set STINT_PKG_CONFIG where pkg-config has
# another name.
STINT_PKG_CONFIG ?= pkg-config
STINT_PROTO_DIR := $(shell $(STINT_PKG_CONFIG) --variable=protodir stint)
STINT_CMAKE_DIR := $(shell $(STINT_PKG_CONFIG) --variable=cmakedir stint)
STINT_NANOPB_PLUGIN ?= $(shell command -v protoc-gen-nanopb)
STINT_MODULE_CFLAGS := -std=c11 -fPIC -fvisibility=hidden -I. $(shell $(STINT_PKG_CONFIG) --cflags stint)
# These find a plain C variable that is used across a suspension point.
ifneq ($(findstring clang,$(shell $(CC) --version)),)
STINT_MODULE_CFLAGS += -Werror=sometimes-uninitialized -Werror=conditional-uninitialized
else
STINT_MODULE_CFLAGS += -Werror=jump-misses-init -Werror=maybe-uninitialized
endif

# Singular messages without has_ flags: a flag that one forgets to set would lose the field in silence.
define STINT_RUN_NANOPB
protoc -I. -I$(STINT_PROTO_DIR) --plugin=protoc-gen-nanopb=$(STINT_NANOPB_PLUGIN) \
    "--nanopb_opt=-I . -I '$(STINT_PROTO_DIR)' -s proto3_singular_msgs:true" --nanopb_out=.
endef

%.pb.c %.pb.h: %.proto $(wildcard *.options)
	$(STINT_RUN_NANOPB) $<
	cmake -DHEADER=$*.pb.h -DPROTO=$< -DCHECK=1 -P $(STINT_CMAKE_DIR)/stint_types.cmake

# Of each module a copy of its own.
stint/stint.pb.c stint/stint.pb.h &: $(STINT_PROTO_DIR)/stint/stint.proto
	mkdir -p stint
	$(STINT_RUN_NANOPB) $<

%.stint.c %.stint.h: %.pb.h stint/stint.pb.h
	cmake -DHEADER=$< -DNAME=$< -DOUT=$*.stint.c -P $(STINT_CMAKE_DIR)/stint_types.cmake

%.pb.o: %.pb.c stint/stint.pb.h
	$(CC) $(STINT_MODULE_CFLAGS) $(CFLAGS) -c -o $@ $<

%.stint.o: %.stint.c
	$(CC) $(STINT_MODULE_CFLAGS) $(CFLAGS) -c -o $@ $<

%.so: stint/stint.pb.o stint/stint.stint.o
	$(CC) -shared $(LDFLAGS) -Wl,--version-script=$(STINT_CMAKE_DIR)/module.map -o $@ $(sort $^) -lprotobuf-nanopb

.PRECIOUS: %.pb.c %.pb.h %.stint.c %.stint.h
.SECONDARY: stint/stint.pb.c stint/stint.pb.h stint/stint.stint.c stint/stint.stint.h stint/stint.pb.o stint/stint.stint.o

# What stands here is no default goal.
.DEFAULT_GOAL :=
